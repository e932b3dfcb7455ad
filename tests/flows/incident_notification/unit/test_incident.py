"""CheckIncident and StartIncident: an incident is checked once, and started once."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from incident_notification import check_incident, start_incident
from incident_notification.errors import InvalidIncident
from tests.support.functions import LambdaContext

ITEM = {
    "incident_id": {"S": "unit-1"},
    "description": {"S": "Unit 1 malfunctioned."},
    "url": {"S": "no url"},
    "first_contact": {"S": "+12065550111"},
    "second_contact": {"S": "+12065550122"},
    "incident_stat": {"S": "not_acknowledged"},
    "double_escalation": {"S": "no"},
    "history": {"L": []},
}
SENDER = "arn:aws:sms-voice:us-east-1:1:phone-number/phone-1"


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "YES_WORDS": "ja,yes",
        "NO_WORDS": "nein",
        "SENDER": SENDER,
        "WAIT_SECONDS": "40",
        "MESSAGE_DAYS": "2",
        "STATE_MACHINE_ALIAS": "arn:aws:states:::stateMachine:m:live",
        "EXECUTIONS": "arn:aws:states:::execution:m",
    }.items():
        monkeypatch.setenv(name, value)


def check(item: Any) -> dict[str, Any]:
    return check_incident.handler({"item": item}, LambdaContext())


def test_an_incident_gets_a_contact_and_texts_for_each_status() -> None:
    found = check(ITEM)

    assert found["contacts"] == {
        "not_acknowledged": "+12065550111",
        "escalation": "+12065550122",
    }
    assert found["sender"] == SENDER
    assert found["wait_seconds"] == 40
    assert 0 <= found["expires_at"] - time.time() - 2 * 86400 + 1 <= 2
    assert found["texts"]["not_acknowledged"] == [
        "New incident unit-1: Unit 1 malfunctioned. Reply JA to take it or NEIN to decline.",
        "Reminder, incident unit-1: Unit 1 malfunctioned. Reply JA to take it or NEIN to decline.",
    ]


def test_an_address_is_part_of_the_texts() -> None:
    found = check({**ITEM, "url": {"S": "https://example.com/1"}})

    assert all("https://example.com/1 Reply" in t for two in found["texts"].values() for t in two)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"first_contact": {"S": "555-0111"}}, "first_contact: must be a phone number"),
        ({"second_contact": {"S": "12065550122"}}, "second_contact: must be a phone number"),
        ({"first_contact": {"N": "12065550111"}}, "first_contact is missing"),
        ({"url": {"S": "ftp://x"}}, "url: must be"),
        ({"description": {"S": " "}}, "description: must have"),
        ({"incident_stat": {"S": "new"}}, "incident_stat: must be"),
        ({"double_escalation": {"BOOL": True}}, "double_escalation is missing"),
    ],
)
def test_a_malformed_incident_is_refused_by_attribute(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(InvalidIncident, match=rule) as refused:
        check({**ITEM, **change})

    assert "555-0111" not in str(refused.value)


@pytest.mark.parametrize("item", [None, {}, "x"])
def test_an_incident_that_is_missing_is_refused(item: Any) -> None:
    with pytest.raises(InvalidIncident, match="no incident"):
        check(item)


class States:
    """Step Functions, with the executions that were started."""

    class exceptions:  # noqa: N801  as boto3 names it
        class ExecutionAlreadyExists(Exception):  # noqa: N818
            """The name was used."""

    def __init__(self) -> None:
        self.inputs: dict[str, str] = {}
        self.fails_for = ""

    def start_execution(self, stateMachineArn: str, name: str, input: str) -> None:  # noqa: N803
        assert stateMachineArn.endswith(":live")
        if name == self.fails_for:
            raise TimeoutError
        if name in self.inputs:
            raise self.exceptions.ExecutionAlreadyExists
        self.inputs[name] = input

    def describe_execution(self, executionArn: str) -> dict[str, str]:  # noqa: N803
        return {"input": self.inputs[executionArn.rpartition(":")[2]]}


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> States:
    found = States()
    monkeypatch.setattr(start_incident, "client", lambda _: found)
    return found


def record(incident: str, number: str = "1", kind: str = "INSERT", at: float = 0) -> dict[str, Any]:
    return {
        "eventName": kind,
        "dynamodb": {
            "Keys": {"incident_id": {"S": incident}},
            "SequenceNumber": number,
            "ApproximateCreationDateTime": at,
        },
    }


def start(*records: dict[str, Any]) -> list[str]:
    answer = start_incident.handler({"Records": [*records]}, LambdaContext())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_new_incident_starts_an_execution_of_its_name(states: States) -> None:
    assert start(record("unit-1", at=1.5)) == []

    event = start_incident.event_of(record("unit-1", at=1.5))
    assert list(states.inputs) == ["unit-1"]
    assert event["id"] == "unit-1"
    assert event["detail"] == {"incident_id": "unit-1"}
    assert event["time"] == datetime.fromtimestamp(1.5, UTC).isoformat()


def test_a_record_that_comes_again_starts_nothing(states: States) -> None:
    assert [start(record("unit-1")) for _ in range(3)] == [[], [], []]
    assert len(states.inputs) == 1


def test_an_id_that_another_incident_had_is_a_failure(states: States) -> None:
    start(record("unit-1", at=1))

    assert start(record("unit-1", "7", at=2)) == ["7"]
    assert len(states.inputs) == 1


def test_a_failing_record_does_not_hold_back_the_others(states: States) -> None:
    states.fails_for = "bad"

    assert start(record("one", "1"), record("bad", "2"), record("two", "3")) == ["2"]
    assert list(states.inputs) == ["one", "two"]


def test_changes_start_nothing(states: States) -> None:
    assert start(record("unit-1", kind="MODIFY"), record("unit-2", kind="REMOVE")) == []
    assert states.inputs == {}


@pytest.mark.parametrize("incident", ["unit 1", "a_b", "ä", "x" * 81, "/", "\n"])
def test_an_id_that_is_no_name_has_a_digest_of_it(incident: str) -> None:
    name = start_incident.execution_name(incident)

    assert start_incident.NAME.fullmatch(name)
    assert name == start_incident.execution_name(incident) != start_incident.execution_name("b")
