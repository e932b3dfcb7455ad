"""The state machine goes through every page, waits for the queue, and every error has a place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from statelint.linter import Linter

from ops.terraform.docs import definition
from tests.support.state_machine import Ended, StateMachine, running_state_machine

FLOW = "call_recording_archival"
TASKS = ["ChooseDays", "QueueRecordings", "CheckQueue", "SaveWatermark"]
FAILURE = ["CatchErrors", "CallRecordingArchivalFailed"]


def scripted(text: str) -> str:
    """Return the definition with functions that a test scripts, and without waits.

    The scenario has the days, and how many pages and readings of the queue there are.
    """
    machine = json.loads(text)
    states = machine["States"]
    states["WaitForQueue"] = {"Type": "Pass", "Next": "CheckQueue"}
    event = "$states.context.Execution.Input.detail"
    for name in ("CheckQueue", "SaveWatermark"):
        states[name]["Resource"] = "arn:aws:states:::lambda:invoke"
        states[name]["Arguments"] = {
            "FunctionName": f"arn:aws:lambda:::function:{name}",
            "Payload": {"asked": states[name]["Arguments"], "detail": f"{{% {event} %}}"},
        }
    states["QueueRecordings"]["Arguments"]["Payload"]["detail"] = f"{{% {event} %}}"
    states["ChooseDays"]["Assign"] |= {
        "days": f"{{% {event}.days %}}",
        "watermark": f"{{% {event}.watermark %}}",
        "pages": 0,
        "reads": 0,
    }
    # Two pages a day; each has three recordings, or none.
    states["QueueRecordings"]["Assign"] |= {
        "pages": "{% $pages + 1 %}",
        "place": "{% ($pages + 1) % 2 = 0 ? $place + 1 : $place %}",
        "token": "{% ($pages + 1) % 2 = 0 ? null : 'next' %}",
        "queued": f"{{% $queued + {event}.each %}}",
        "archived": 0,
        "others": 0,
    }
    # The second reading finds messages.
    states["CheckQueue"]["Assign"] = {
        "emptyReads": "{% $reads = 1 ? 0 : $emptyReads + 1 %}",
        "reads": "{% $reads + 1 %}",
    }
    return re.sub(r"DynamoDB\.(\w+Exception)", r"\1", json.dumps(machine))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateMachine]:
    """The state machine with scripted functions and services."""
    with running_state_machine(
        tmp_path_factory.mktemp(FLOW), scripted(definition(FLOW))
    ) as running:
        yield running


def run(machine: StateMachine, errors: dict[str, list[str | None]], **more: Any) -> Ended:
    """Run two days with recordings, of which the watermark moves to the second."""
    defaults: dict[str, Any] = {
        "days": ["2022-01-01", "2022-01-02"],
        "watermark": "2022-01-02",
        "each": 3,
    }
    return machine.run(errors, **(defaults | more))


def test_the_definition_is_valid() -> None:
    # The linter does not know that a wait may be an expression.
    problems = [p for p in Linter.validate(json.loads(definition(FLOW))) if ".Seconds" not in p]

    assert problems == []


def test_every_page_of_every_day_is_queued_before_the_watermark_moves(
    machine: StateMachine,
) -> None:
    ended = run(machine, {})
    pages = [(call["day"], call["token"]) for call in ended.calls["QueueRecordings"]]
    [saved] = ended.calls["SaveWatermark"]

    assert ended.execution.status == "SUCCEEDED"
    assert pages == [
        ("2022-01-01", None),
        ("2022-01-01", "next"),
        ("2022-01-02", None),
        ("2022-01-02", "next"),
    ]
    assert saved["asked"]["ExpressionAttributeValues"] == {":day": {"S": "2022-01-02"}}
    assert (ended.execution.answer or {})["queued"] == 12


def test_the_queue_must_be_empty_twice_in_a_row(machine: StateMachine) -> None:
    ended = run(machine, {})

    # Empty, not empty, empty, empty.
    assert len(ended.calls["CheckQueue"]) == 4
    names = set(ended.calls["CheckQueue"][0]["asked"]["AttributeNames"])
    assert names == {f"ApproximateNumberOfMessages{end}" for end in ("", "Delayed", "NotVisible")}


def test_without_recordings_nothing_waits(machine: StateMachine) -> None:
    ended = run(machine, {}, each=0)

    assert ended.execution.status == "SUCCEEDED"
    assert "CheckQueue" not in ended.states
    assert "SaveWatermark" in ended.states


def test_a_day_by_hand_leaves_the_watermark(machine: StateMachine) -> None:
    ended = run(machine, {}, days=["2022-01-01"], watermark=None)

    assert ended.execution.status == "SUCCEEDED"
    assert "SaveWatermark" not in ended.states


def test_no_day_is_no_failure(machine: StateMachine) -> None:
    ended = run(machine, {}, days=[], watermark=None)

    assert ended.states == ["ChooseDays", "HasDay", "Archived"]


@pytest.mark.parametrize("step", TASKS)
def test_an_error_for_good_is_queued_with_its_event(machine: StateMachine, step: str) -> None:
    ended = run(machine, {step: ["NobodyThoughtOfIt"] * 20})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "NobodyThoughtOfIt")
    assert ended.states[-2:] == FAILURE
    [caught] = ended.calls["CatchErrors"]
    assert caught["failedState"] == step
    assert caught["event"]["detail"]["days"] == ["2022-01-01", "2022-01-02"]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("ChooseDays", "ProvisionedThroughputExceededException"),
        ("QueueRecordings", "QueueUnavailable"),
        ("QueueRecordings", "Lambda.TooManyRequestsException"),
        ("CheckQueue", "QueueDoesNotExist"),
        ("SaveWatermark", "ThrottlingException"),
    ],
)
def test_a_transient_error_is_repeated(machine: StateMachine, step: str, error: str) -> None:
    ended = run(machine, {step: [error]})

    assert ended.execution.status == "SUCCEEDED"


def test_an_invalid_event_is_not_repeated(machine: StateMachine) -> None:
    ended = run(machine, {"ChooseDays": ["InvalidEvent"]})

    assert ended.execution.error == "InvalidEvent"
    assert len(ended.calls["ChooseDays"]) == 1


def test_a_watermark_that_is_further_already_stays(machine: StateMachine) -> None:
    ended = run(machine, {"SaveWatermark": ["ConditionalCheckFailedException"]})

    assert ended.execution.status == "SUCCEEDED"
    assert len(ended.calls["SaveWatermark"]) == 1
