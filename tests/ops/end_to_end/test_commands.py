"""The commands that people type, on the running environment."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.expectations import expectations_of
from tests.support.flows import flow_in, flow_with
from tests.support.platform import Platform


def test_send_names_bad_lines_and_sends_the_others(platform: Platform, tmp_path: Path) -> None:
    name = flow_with("demo")
    flow, events = flow_in(platform, name), expectations_of(name).events
    assert events
    good = {**flow.example, "detail": events.good(flow)}
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(["{broken", json.dumps(good), '{"source": "only"}']))

    sent = platform.make("send", f"FILE={file}")

    assert sent.code != 0
    assert "line 1 is not JSON" in sent.text
    assert "line 3 has no 'detail-type'" in sent.text
    assert "1 sent, 2 not sent" in sent.text
    event = next(line.split()[-1] for line in sent.text.splitlines() if "line 2: event" in line)
    execution, _ = flow.ended(event)
    assert execution.status == "SUCCEEDED"


def test_send_of_a_file_that_is_not_there_says_so(platform: Platform) -> None:
    sent = platform.make("send", "FILE=nowhere.json")

    assert sent.code != 0
    assert "nowhere.json cannot be read" in sent.text
    assert "Traceback" not in sent.text


def test_status_tells_what_runs(platform: Platform) -> None:
    status = platform.make("status")

    assert status.code == 0
    assert status.text.count(" up") == 2


def test_env_lets_terraform_itself_reach_the_environment(platform: Platform) -> None:
    typed = 'eval "$(make -s env)" && cd terraform && terraform output -raw dashboard_name'

    shown = platform.run("sh", "-c", typed)

    assert shown.code == 0, shown.text
    assert shown.text == platform.outputs["dashboard_name"]


def test_a_plan_by_hand_has_the_environments_ports_and_flows(platform: Platform) -> None:
    typed = (
        'eval "$(make -s env)" && cd terraform && terraform plan -var-file=envs/local.tfvars '
        '-var "flows=$TF_VAR_flows" -detailed-exitcode -no-color -input=false'
    )

    planned = platform.run("sh", "-c", typed)

    assert planned.code == 0, planned.text
    assert "No changes." in planned.text
