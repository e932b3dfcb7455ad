"""Unaudited events are written to the audit log later, once, and then leave their queue."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.recovery.audit import Accepted, audited
from ops.recovery.dead_letters import UNAUDITED, look
from ops.recovery.redrive import Outcome, Selection, write_down

GROUP = "/aws/events/bus-audit"
EVERYTHING = Selection(everything=True)
EVENT = {
    "id": "event-1",
    "source": "kranio.event.crm",
    "detail-type": "CRM Registration",
    "resources": ["flowbridge:event/event-0", "arn:aws:states:::execution:m:1"],
    "detail": {"name": "Marked"},
}


class Audit:
    """The log and the queue of what it did not take."""

    def __init__(self, clients: Callable[[str], Any]) -> None:
        self.sqs, self.logs = clients("sqs"), clients("logs")
        self.logs.create_log_group(logGroupName=GROUP)
        url = self.sqs.create_queue(QueueName="audit")["QueueUrl"]
        self.output = {"log_group": GROUP, "queue_url": url}

    def put(self, body: str) -> None:
        code = {"DataType": "String", "StringValue": "THROTTLING"}
        self.sqs.send_message(
            QueueUrl=self.output["queue_url"],
            MessageBody=body,
            MessageAttributes={"ERROR_CODE": code},
        )

    def write_down(self, selection: Selection = EVERYTHING, **options: Any) -> list[Outcome]:
        return list(write_down(self.sqs, self.logs, self.output, selection, **options))

    @property
    def waiting(self) -> list[str]:
        letters = look(self.sqs, UNAUDITED, self.output["queue_url"])
        return [letter.error for letter in letters]

    @property
    def lines(self) -> list[Accepted | None]:
        found = self.logs.filter_log_events(logGroupName=GROUP)["events"]
        assert "Marked" not in json.dumps(found)
        return [audited(line["message"], line["timestamp"]) for line in found]


@pytest.fixture
def audit(aws: Callable[[str], Any]) -> Audit:
    return Audit(aws)


def test_an_event_is_in_the_log_and_no_longer_in_the_queue(audit: Audit) -> None:
    audit.put(json.dumps(EVENT))
    assert audit.waiting == ["THROTTLING"]

    [outcome] = audit.write_down()

    assert (outcome.goes_on, outcome.text) == (True, "is written to the audit log")
    assert audit.waiting == []
    [line] = audit.lines
    assert line is not None
    assert (line.id, line.source, line.detail_type, line.resources) == (
        EVENT["id"],
        EVENT["source"],
        EVENT["detail-type"],
        tuple(EVENT["resources"]),
    )
    assert datetime.now(UTC) - line.at < timedelta(minutes=1)


def test_a_second_one_finds_the_stream_there(audit: Audit) -> None:
    for _ in range(2):
        audit.put(json.dumps(EVENT))
        audit.write_down()

    assert (audit.waiting, len(audit.lines)) == ([], 2)


def test_what_is_not_meant_or_only_tried_or_unreadable_stays(audit: Audit) -> None:
    audit.put(json.dumps(EVENT))
    audit.put("poison")

    outcomes = [
        *audit.write_down(Selection(error="other")),
        *audit.write_down(dry_run=True),
        *audit.write_down(Selection(error="Unreadable")),
    ]

    assert not any(outcome.goes_on for outcome in outcomes)
    assert sorted(audit.waiting) == ["THROTTLING", "Unreadable"]
    assert audit.logs.describe_log_streams(logGroupName=GROUP)["logStreams"] == []


def test_what_the_log_refuses_stays_and_tells_why(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudWatch answers with success and names what it did not take."""
    refused = {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1}}
    monkeypatch.setattr(audit.logs, "put_log_events", lambda **_: refused)
    audit.put(json.dumps(EVENT))

    [outcome] = audit.write_down()

    assert not outcome.goes_on
    assert "older than what the audit log takes" in outcome.text
    assert audit.waiting == ["THROTTLING"]
