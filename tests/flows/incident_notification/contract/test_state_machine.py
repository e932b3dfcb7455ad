"""The incident's state machine reaches the right end, whatever its states do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from statelint.linter import Linter

from ops.terraform.docs import definition
from ops.terraform.tables import read_blocks, variable_rows
from ops.terraform.templates import FLOWS
from tests.support.state_machine import Ended, StateMachine, running_state_machine

FLOW = "incident_notification"
FAILURE = ["CatchErrors", "NotificationFailed"]
CHANGED = "ConditionalCheckFailedException"
INCIDENT = {
    "incident_id": "unit-1",
    "incident_stat": "not_acknowledged",
    "double_escalation": "no",
    "contacts": {"not_acknowledged": "+12065550111", "escalation": "+12065550122"},
    "texts": {"not_acknowledged": ["New", "Reminder"], "escalation": ["Escalated", "Reminder"]},
    "sender": "phone-1",
    "wait_seconds": 20,
    "expires_at": 1,
}
#: One message without an answer.
ASKED = ["SendSms", "WaitForReply", "ReadStatus", "NextStep"]


def scripted(text: str) -> str:
    """Return the definition with a function, which a test scripts, in place of each service.

    ReadStatus takes the statuses one after another from the incident's `statuses`.
    """
    machine = json.loads(text)
    for name, state in machine["States"].items():
        if state["Type"] != "Task":
            continue
        if state["Resource"] != "arn:aws:states:::lambda:invoke":
            payload = {
                "asked": state["Arguments"],
                "detail": "{% $merge([$states.context.Execution.Input.detail, {'Item': {}}]) %}",
            }
            state["Resource"] = "arn:aws:states:::lambda:invoke"
            function = f"arn:aws:lambda:::function:{name}"
            state["Arguments"] = {"FunctionName": function, "Payload": payload}
            state.pop("HeartbeatSeconds", None)
    states = machine["States"]
    # The answer of each function is the event's detail.
    states["FindIncident"]["Output"] = {"detail": "{% $states.result.Payload %}"}
    states["ReadStatus"]["Assign"] = {
        "status": "{% $statuses[0] %}",
        "declined": "{% $states.context.Execution.Input.detail.declined %}",
        "statuses": "{% $count($statuses) > 1 ? [$statuses[[1..99]]] : $statuses %}",
    }
    states["CheckIncident"]["Assign"]["statuses"] = "{% $states.result.Payload.statuses %}"
    states["SendSms"]["Output"] = {"message": "message"}
    states["WaitForReply"]["Arguments"]["Payload"]["asked"]["Item"].pop("task_token")
    # A function's errors have no prefix.
    return re.sub(
        r"(DynamoDB|DynamoDb|PinpointSmsVoiceV2)\.(\w+Exception)", r"\2", json.dumps(machine)
    )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateMachine]:
    """The state machine with scripted functions and services."""
    folder = tmp_path_factory.mktemp(FLOW)
    with running_state_machine(folder, scripted(definition(FLOW))) as running:
        yield running


def run(
    machine: StateMachine,
    errors: dict[str, list[str | None]],
    statuses: list[str],
    declined: str = "no",
    **more: Any,
) -> Ended:
    """Run an incident whose status is read as `statuses`, one after another."""
    return machine.run(errors, **{**INCIDENT, "statuses": statuses, "declined": declined, **more})


def test_the_definition_is_valid() -> None:
    machine = json.loads(definition(FLOW))
    # The linter does not know that these may be expressions.
    for name in ("TimeoutSeconds", "HeartbeatSeconds"):
        assert machine["States"]["WaitForReply"].pop(name).startswith("{%")

    assert Linter.validate(machine) == []


def test_a_contact_has_40_seconds_to_reply_by_default() -> None:
    """From the settings to CheckIncident, and with the incident to the state that waits."""
    folder = FLOWS / FLOW
    rows = variable_rows("settings", read_blocks(folder, "variable")["settings"])
    [default] = [row.default for row in rows if row.name == "settings.wait_seconds"]
    functions = read_blocks(folder, "module")["workflow"]["task_functions"]
    environment = functions["CheckIncident"]["environment"]
    wait = json.loads(definition(FLOW))["States"]["WaitForReply"]

    assert default == "40"
    assert "WAIT_SECONDS = tostring(var.settings.wait_seconds)" in environment
    assert wait["HeartbeatSeconds"] == "{% $incident.wait_seconds %}"


def test_every_task_repeats_and_every_step_is_caught() -> None:
    states = json.loads(definition(FLOW))["States"]
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}

    assert all(state["Retry"] for state in tasks.values())
    assert [name for name, state in tasks.items() if "Catch" not in state] == ["CatchErrors"]


@pytest.mark.parametrize(
    ("stat", "end"),
    [("acknowledged", "IncidentAcknowledged"), ("unacknowledged", "NobodyAcknowledged")],
)
def test_an_incident_that_is_over_asks_nobody(machine: StateMachine, stat: str, end: str) -> None:
    ended = run(machine, {}, [], incident_stat=stat)

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states[-1] == end
    assert "SendSms" not in ended.calls


def test_silence_leads_from_contact_to_contact_to_the_end(machine: StateMachine) -> None:
    statuses = [
        *["not_acknowledged"] * 2,
        *["escalation"] * 3,
        "unacknowledged",
    ]
    ended = run(machine, {}, statuses)

    assert ended.states == [
        "FindIncident",
        "CheckIncident",
        "NextStep",
        *ASKED * 2,
        "EscalateIncident",
        "ReadStatus",
        "NextStep",
        *ASKED * 2,
        "CloseIncident",
        "ReadStatus",
        "NextStep",
        "AnnounceUnacknowledged",
        "NobodyAcknowledged",
    ]
    sent = [
        (one["asked"]["DestinationPhoneNumber"], one["asked"]["MessageBody"])
        for one in ended.calls["SendSms"]
    ]
    first, second = INCIDENT["contacts"].values()  # type: ignore[attr-defined]
    assert sent == [
        (first, "New"),
        (first, "Reminder"),
        (second, "Escalated"),
        (second, "Reminder"),
    ]


@pytest.mark.parametrize("step", ["EscalateIncident", "CloseIncident"])
def test_a_reply_during_the_review_is_not_overwritten(machine: StateMachine, step: str) -> None:
    before = ["not_acknowledged"] * 2 + (["escalation"] * 3 if step == "CloseIncident" else [])
    ended = run(machine, {step: [CHANGED]}, [*before, "acknowledged"])

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states[-4:] == [step, "ReadStatus", "NextStep", "IncidentAcknowledged"]
    assert len(ended.calls[step]) == 1


@pytest.mark.parametrize("error", ["ConflictException", "ValidationException"])
def test_a_phone_that_takes_no_messages_is_passed_over(machine: StateMachine, error: str) -> None:
    ended = run(machine, {"SendSms": [error]}, ["escalation", "acknowledged"])

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states[3:7] == ["SendSms", "NextStep", "EscalateIncident", "ReadStatus"]
    assert [one["asked"]["MessageBody"] for one in ended.calls["SendSms"]] == ["New", "Escalated"]


def test_a_second_decline_ends_the_incident(machine: StateMachine) -> None:
    ended = run(machine, {}, ["escalation", "unacknowledged"], declined="yes")

    assert ended.states[3:] == [
        *ASKED,
        "CloseIncident",
        "ReadStatus",
        "NextStep",
        "AnnounceUnacknowledged",
        "NobodyAcknowledged",
    ]


def test_an_incident_that_was_deleted_fails(machine: StateMachine) -> None:
    ended = run(machine, {}, ["gone"])

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "InvalidIncident")
    assert ended.states[-3:] == ["IncidentGone", *FAILURE]


@pytest.mark.parametrize(
    "step",
    [
        "FindIncident",
        "CheckIncident",
        "SendSms",
        "WaitForReply",
        "ReadStatus",
        "EscalateIncident",
        "CloseIncident",
        "AnnounceUnacknowledged",
    ],
)
def test_what_fails_for_good_is_kept(machine: StateMachine, step: str) -> None:
    statuses = ["not_acknowledged"] * 2 + ["escalation"] * 3 + ["unacknowledged"]
    ended = run(machine, {step: ["NobodyThoughtOfIt"] * 20}, statuses)

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "NobodyThoughtOfIt")
    assert ended.states[-3:] == [step, *FAILURE]
    [caught] = ended.calls["CatchErrors"]
    assert caught["failedState"] == step
    assert caught["event"]["detail"]["incident_id"] == "unit-1"


@pytest.mark.parametrize("step", ["FindIncident", "SendSms", "ReadStatus"])
def test_a_transient_error_is_repeated(machine: StateMachine, step: str) -> None:
    ended = run(machine, {step: ["ThrottlingException"]}, ["acknowledged"])

    assert ended.execution.status == "SUCCEEDED"
    assert len(ended.calls[step]) == 2
