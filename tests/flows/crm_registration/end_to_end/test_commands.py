"""The commands that people type, with leads."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.flows.crm_registration.support.new_leads import new_lead, written
from tests.flows.crm_registration.support.registration import Registration


def test_the_demo_shows_the_rows_and_the_failed_lead(platform: Registration) -> None:
    assert platform.demo is not None
    text = platform.demo.text

    assert "SUCCEEDED" in text
    for table in ("CLIENTS", "PARTNERS", "BENEFIT"):
        assert table in text
    assert "csaavedra@micorreo.com" in text
    assert '"name": "InvalidLead"' in text
    assert '"rut": "not-a-rut"' in text
    assert "make send" in text


def test_the_demo_again_builds_nothing_and_writes_nothing_twice(platform: Registration) -> None:
    again = platform.make("demo")

    assert again.code == 0, again.text
    assert re.search(r"✓ 0 of \d+ packages built", again.text)
    assert "Start MariaDB and the AWS emulator: they run already" in again.text
    assert "Resources: 0 added, 0 changed, 0 destroyed" in again.text
    assert {table: len(rows) for table, rows in platform.rows("9891283-0").items()} == {
        "CLIENTS": 1,
        "PARTNERS": 1,
        "BENEFIT": 1,
    }


def test_watch_shows_executions_one_graph_and_one_state(platform: Registration) -> None:
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


def test_a_lead_that_is_sent_becomes_rows(platform: Registration, tmp_path: Path) -> None:
    lead = new_lead()
    file = tmp_path / "lead.json"
    file.write_text(json.dumps({**platform.example, "detail": lead}))

    sent = platform.make("send", f"FILE={file}")

    assert "1 sent, 0 not sent" in sent.text
    [event] = [line.split()[-1] for line in sent.text.splitlines() if "line 1: event" in line]
    assert platform.ended(event)[0].status == "SUCCEEDED"
    assert len(platform.rows(written(lead["rut"]))["CLIENTS"]) == 1
