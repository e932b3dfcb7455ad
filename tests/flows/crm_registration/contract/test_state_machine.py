"""The state machine is valid and reaches the right end, whatever its functions do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from statelint.linter import Linter

from tests.support.state_machine import StateMachine

STEPS = ["ReceiveLead", "CreateClient", "CreatePartner", "CreateBenefit"]
FAILURE = ["CatchErrors", "RegistrationFailed"]
#: As in the rendered definition: one call and its repetitions.
TRIES = 4


def test_the_definition_is_valid(machine_definition: str, tmp_path: Path) -> None:
    file = tmp_path / "definition.json"
    file.write_text(machine_definition)

    assert Linter.validate(json.loads(machine_definition)) == []


def test_when_all_is_good_every_step_runs_once_and_sees_the_whole_lead(
    state_machine: StateMachine,
) -> None:
    ended = state_machine.run({})

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states == STEPS
    assert set(ended.calls) == set(STEPS)
    lead = ended.calls["ReceiveLead"][0]["detail"]
    # The rows will name the execution.
    lead["execution"] = ended.execution.name
    assert [ended.calls[step] for step in STEPS[1:]] == [[lead]] * 3


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", ["InvalidLead", "CrmRejected", "SomethingNobodyThoughtOf"])
def test_a_permanent_error_is_caught_at_once(
    state_machine: StateMachine, step: str, error: str
) -> None:
    ended = state_machine.run({step: [error]})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", error)
    assert ended.states == [*STEPS[: STEPS.index(step) + 1], *FAILURE]
    assert len(ended.calls[step]) == 1
    [caught] = ended.calls["CatchErrors"]
    assert caught["failedState"] == step
    assert caught["error"]["Error"] == error
    assert caught["event"] == ended.calls["ReceiveLead"][0]
    assert caught["execution"] == ended.execution.arn


@pytest.mark.parametrize(
    ("letters", "is_handed_over"), [(29_000, True), (30_001, False), (260_000, False)]
)
def test_a_large_event_stays_where_it_is(
    state_machine: StateMachine, letters: int, is_handed_over: bool
) -> None:
    ended = state_machine.run({"CreateClient": ["CrmRejected"]}, campaign="x" * letters)

    [caught] = ended.calls["CatchErrors"]
    received = ended.calls["ReceiveLead"][0]
    assert caught["event"] == (received if is_handed_over else None)
    assert caught["execution"] == ended.execution.arn
    # Of whatever letters it is, it fits a state's input, with the longest cause there can be.
    assert 4 * (30_000 + 32_768) + 2_000 < 256 * 1024


@pytest.mark.parametrize("step", STEPS)
def test_a_transient_error_is_repeated(state_machine: StateMachine, step: str) -> None:
    ended = state_machine.run({step: ["CrmUnavailable", None]})

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states == STEPS
    assert len(ended.calls[step]) == 2


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_transient_error_that_stays_is_caught_in_the_end(
    state_machine: StateMachine, step: str
) -> None:
    ended = state_machine.run({step: ["CrmUnavailable"] * 20})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "CrmUnavailable")
    assert ended.states == [*STEPS[: STEPS.index(step) + 1], *FAILURE]
    assert len(ended.calls[step]) == TRIES
    assert ended.calls["CatchErrors"][0]["event"] == ended.calls["ReceiveLead"][0]


@pytest.mark.parametrize("error", ["ConfigurationError", "ClientError"])
def test_catching_is_repeated_whatever_stopped_it(state_machine: StateMachine, error: str) -> None:
    ended = state_machine.run({"CreateClient": ["CrmRejected"], "CatchErrors": [error, None]})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "CrmRejected")
    assert len(ended.calls["CatchErrors"]) == 2


def test_every_task_repeats_with_backoff_jitter_and_a_cap(machine_definition: str) -> None:
    states = json.loads(machine_definition)["States"]
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}

    assert set(tasks) == {*STEPS, "CatchErrors"}
    for state in tasks.values():
        [retrier] = state["Retry"]
        assert retrier["JitterStrategy"] == "FULL"
        assert retrier["BackoffRate"] > 1
        assert retrier["MaxDelaySeconds"] >= retrier["IntervalSeconds"]
        assert state["TimeoutSeconds"] > 0
    # A step's permanent errors go to CatchErrors at once; CatchErrors itself has nowhere to go.
    assert all("States.ALL" not in tasks[step]["Retry"][0]["ErrorEquals"] for step in STEPS)
    assert tasks["CatchErrors"]["Retry"][0]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "error",
    [
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.TooManyRequestsException",
        # A process that was killed, such as for its memory, and one that took too long.
        "Runtime.ExitError",
        "Sandbox.Timedout",
        "States.Timeout",
    ],
)
def test_a_function_that_lambda_ended_is_called_again(
    machine_definition: str, step: str, error: str
) -> None:
    [retrier] = json.loads(machine_definition)["States"][step]["Retry"]

    assert error in retrier["ErrorEquals"]
