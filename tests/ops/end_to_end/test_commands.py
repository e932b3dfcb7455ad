"""The commands that people type, on the running environment."""

from __future__ import annotations

import json
from pathlib import Path

from tests.flows.crm_registration.support.new_leads import new_lead, written
from tests.support.platform import Platform


def test_the_demo_shows_the_rows_and_the_failed_lead(platform: Platform) -> None:
    assert platform.demo is not None
    text = platform.demo.text

    assert "SUCCEEDED" in text
    for table in ("CLIENTS", "PARTNERS", "BENEFIT"):
        assert table in text
    assert "csaavedra@micorreo.com" in text
    assert '"name": "InvalidLead"' in text
    assert '"rut": "not-a-rut"' in text
    assert "make send" in text


def test_the_demo_again_is_fast_and_writes_nothing_twice(platform: Platform) -> None:
    again = platform.make("demo")

    assert again.code == 0, again.text
    assert again.seconds < 60
    assert "Resources: 0 added, 0 changed, 0 destroyed" in again.text
    assert {table: len(rows) for table, rows in platform.rows("9891283-0").items()} == {
        "CLIENTS": 1,
        "PARTNERS": 1,
        "BENEFIT": 1,
    }


def test_send_names_bad_lines_and_sends_the_others(platform: Platform, tmp_path: Path) -> None:
    lead = new_lead()
    good = {"source": "kranio.event.crm", "detail-type": "CRM Registration", "detail": lead}
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(["{broken", json.dumps(good), '{"source": "only"}']))

    sent = platform.make("send", f"FILE={file}")

    assert sent.code != 0
    assert "line 1 is not JSON" in sent.text
    assert "line 3 has no 'detail-type'" in sent.text
    assert "1 sent, 2 not sent" in sent.text
    event = next(line.split()[-1] for line in sent.text.splitlines() if "line 2: event" in line)
    execution, _ = platform.ended(event)
    assert execution.status == "SUCCEEDED"
    assert len(platform.rows(written(lead["rut"]))["CLIENTS"]) == 1


def test_send_of_a_file_that_is_not_there_says_so(platform: Platform) -> None:
    sent = platform.make("send", "FILE=nowhere.json")

    assert sent.code != 0
    assert "nowhere.json cannot be read" in sent.text
    assert "Traceback" not in sent.text


def test_watch_shows_executions_one_graph_and_one_state(platform: Platform) -> None:
    [event] = platform.publish(new_lead())
    execution, _ = platform.ended(event)

    everything = platform.make("watch")
    graph = platform.make("watch", f"EXECUTION={execution.name[:13]}")
    state = platform.make("watch", f"EXECUTION={execution.name}", "STATE=CreatePartner")

    assert execution.name[:13] in everything.text
    assert execution.name in graph.text
    assert [name in graph.text for name in ("ReceiveLead", "CreateBenefit", "CatchErrors")] == [
        True
    ] * 3
    assert "SUCCEEDED" in graph.text
    assert '"store": "est_central"' in state.text
    missing = platform.make("watch", f"EXECUTION={execution.name}", "STATE=Nowhere")
    assert missing.code != 0
    assert "never in a state 'Nowhere'" in missing.text


def test_status_tells_what_runs(platform: Platform) -> None:
    status = platform.make("status")

    assert status.code == 0
    assert status.text.count(" up") == 2


def test_env_lets_terraform_itself_reach_the_environment(platform: Platform) -> None:
    typed = 'eval "$(make -s env)" && cd terraform && terraform output -raw dashboard_name'

    shown = platform.run("sh", "-c", typed)

    assert shown.code == 0, shown.text
    assert shown.text == platform.outputs["dashboard_name"]


def test_a_plan_by_hand_has_the_environments_ports(platform: Platform) -> None:
    typed = (
        'eval "$(make -s env)" && cd terraform && '
        "terraform plan -var-file=envs/local.tfvars -detailed-exitcode -no-color -input=false"
    )

    planned = platform.run("sh", "-c", typed)

    assert planned.code == 0, planned.text
    assert "No changes." in planned.text
