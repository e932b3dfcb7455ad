"""Executions that ended without leaving a message are found, and go on from where they ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from ops.executions.events import SYNTHETIC
from ops.executions.executions import Executions
from ops.recovery.dead_letters import DeadLetter
from ops.recovery.redrive import Selection, go_on
from ops.recovery.stuck import STUCK, find

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:machine"
ARN = "arn:aws:states:us-east-1:000000000000:execution:machine:{}"


@pytest.fixture
def stubber() -> Stubber:
    client = boto3.client(
        "stepfunctions",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    stubber = Stubber(client)
    stubber.activate()
    return stubber


def listed(name: str, status: str, stopped: datetime = NOW) -> dict[str, Any]:
    return {
        "executionArn": ARN.format(name),
        "stateMachineArn": MACHINE,
        "name": name,
        "status": status,
        "startDate": stopped - timedelta(seconds=5),
        "stopDate": stopped,
    }


def lists(stubber: Stubber, **found: list[dict[str, Any]]) -> Executions:
    """Have the list of each status answered."""
    for status in ("FAILED", "TIMED_OUT", "ABORTED"):
        asked = {"stateMachineArn": MACHINE, "statusFilter": status, "maxResults": 1000}
        stubber.add_response("list_executions", {"executions": found.get(status, [])}, asked)
    return Executions(stubber.client, MACHINE)


def ends(stubber: Stubber, name: str, kind: str, state: str, described: dict[str, Any]) -> None:
    """Have an execution's history, and it itself, answered."""
    failure = {"error": "ClientError", "cause": "no right"}
    history = [
        {"id": 9, "type": "ExecutionFailed", "executionFailedEventDetails": failure},
        {"id": 8, "type": f"{kind}StateEntered", "stateEnteredEventDetails": {"name": state}},
    ]
    asked = {
        "executionArn": ARN.format(name),
        "reverseOrder": True,
        "includeExecutionData": False,
        "maxResults": 50,
    }
    events = [{"timestamp": NOW, **event} for event in history]
    stubber.add_response("get_execution_history", {"events": events}, asked)
    if kind != "Fail":
        answer = {"input": '{"id": "event-1", "detail": {}}', **described}
        stubber.add_response("describe_execution", answer, {"executionArn": ARN.format(name)})


def test_what_could_not_leave_a_message_is_stuck_where_it_ended(stubber: Stubber) -> None:
    halted = listed("halted", "FAILED")
    executions = lists(stubber, FAILED=[halted])
    ends(stubber, "halted", "Task", "CatchErrors", halted)

    shown: list[str] = []
    [letter] = find(executions, NOW, (), progress=shown.append)

    assert shown == ["history 1 of 1"]
    assert (letter.queue, letter.state, letter.error) == (STUCK, "CatchErrors", "ClientError")
    assert (letter.cause, letter.message_id, letter.since) == ("no right", "halted", NOW)
    assert letter.event == {"id": "event-1", "detail": {}}
    stubber.assert_no_pending_responses()


def test_what_ended_as_its_flow_foresees_is_not(stubber: Stubber) -> None:
    failed = listed("failed", "FAILED")
    executions = lists(stubber, FAILED=[failed])
    ends(stubber, "failed", "Fail", "RegistrationFailed", failed)

    assert list(find(executions, NOW, ())) == []
    stubber.assert_no_pending_responses()


def test_what_a_smoke_test_stopped_is_not(stubber: Stubber) -> None:
    stopped = listed("stopped", "ABORTED")
    executions = lists(stubber, ABORTED=[stopped])
    lead = {"id": "event-1", "resources": [SYNTHETIC], "detail": {}}
    ends(stubber, "stopped", "Task", "CreateClient", {**stopped, "input": json.dumps(lead)})

    assert list(find(executions, NOW, ())) == []
    stubber.assert_no_pending_responses()


def test_what_left_a_message_or_ended_too_long_ago_is_not_looked_at(stubber: Stubber) -> None:
    old = listed("old", "ABORTED", NOW - timedelta(days=14, seconds=1))
    executions = lists(stubber, FAILED=[listed("known", "FAILED")], ABORTED=[old])

    assert list(find(executions, NOW, [ARN.format("known")])) == []
    stubber.assert_no_pending_responses()


def test_it_goes_on_unless_it_cannot_or_is_not_meant(stubber: Stubber) -> None:
    executions = lists(stubber, TIMED_OUT=[listed("one", "TIMED_OUT")])
    ends(stubber, "one", "Task", "CreateClient", listed("one", "TIMED_OUT"))
    [letter] = find(executions, NOW, ())
    arn = {"executionArn": ARN.format("one")}
    stubber.add_response("redrive_execution", {"redriveDate": NOW}, arn)
    stubber.add_client_error(
        "redrive_execution", "ExecutionNotRedrivable", "too long ago", expected_params=arn
    )

    def attempt(selection: Selection, dry_run: bool = False) -> list[tuple[bool, str]]:
        outcomes = go_on(executions, [letter], selection, 10, dry_run)
        return [(outcome.goes_on, outcome.text) for outcome in outcomes]

    assert attempt(Selection(state="CatchErrors")) == []
    assert attempt(Selection(state="CreateClient"), dry_run=True) == [
        (False, "would go on from CreateClient")
    ]
    assert attempt(Selection(message="on")) == [(True, "goes on from CreateClient")]
    assert attempt(Selection(everything=True)) == [(False, "cannot go on: too long ago")]
    stubber.assert_no_pending_responses()


def test_executions_go_on_at_the_rate(stubber: Stubber) -> None:
    names = ("one", "two", "three")
    executions = Executions(stubber.client, MACHINE)
    letters = [letter_of(name) for name in names]
    for name in names:
        arn = {"executionArn": ARN.format(name)}
        stubber.add_response("redrive_execution", {"redriveDate": NOW}, arn)
    slept: list[float] = []

    outcomes = go_on(executions, letters, Selection(everything=True), 4, sleep=slept.append)

    assert [outcome.goes_on for outcome in outcomes] == [True] * 3
    assert slept == [0.25, 0.25]


def test_those_that_are_meant_are_named_before_any_goes_on(stubber: Stubber) -> None:
    letters = [letter_of("one", "CreatePartner"), letter_of("two"), letter_of("three")]
    meant = Selection(state="CreateClient")

    outcomes = go_on(Executions(stubber.client, MACHINE), letters, meant, 4, dry_run=True)

    assert [(x.letter.message_id, x.text) for x in outcomes] == [
        ("two", "would go on from CreateClient"),
        ("three", "would go on from CreateClient"),
    ]


def letter_of(name: str, state: str = "CreateClient") -> DeadLetter:
    """Return a stuck execution."""
    return DeadLetter(
        queue=STUCK,
        message_id=name,
        receipt="",
        since=NOW,
        state=state,
        error="States.Timeout",
        cause="",
        execution=ARN.format(name),
        event=None,
    )
