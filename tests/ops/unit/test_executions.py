"""Histories of executions, in the forms that Step Functions and the emulator give them."""

from __future__ import annotations

from datetime import timedelta, timezone
from types import SimpleNamespace
from typing import Any

from ops.executions.executions import Execution, Executions, Status, state_runs
from tests.support.times import START


class History:
    """Builds the events of a history, a second apart."""

    def __init__(self, chained: bool) -> None:
        self.events: list[dict[str, Any]] = []
        self._chained = chained

    def add(self, kind: str, previous: int | None = None, **details: Any) -> int:
        number = len(self.events) + 1
        event: dict[str, Any] = {
            "id": number,
            "type": kind,
            "timestamp": START + timedelta(seconds=number),
        }
        if self._chained:
            event["previousEventId"] = number - 1 if previous is None else previous
        self.events.append({**event, **details})
        return number

    def entered(self, name: str, previous: int | None = None, kind: str = "Task") -> int:
        details = {"name": name, "input": '{"a":1}'}
        return self.add(f"{kind}StateEntered", previous, stateEnteredEventDetails=details)

    def exited(self, name: str, previous: int | None = None) -> int:
        details = {"name": name, "output": '{"b":2}'}
        return self.add("TaskStateExited", previous, stateExitedEventDetails=details)

    def failed(self, error: str, previous: int | None = None) -> int:
        details = {"error": error, "cause": "because"}
        return self.add("TaskFailed", previous, taskFailedEventDetails=details)


def retried_then_caught(chained: bool) -> History:
    history = History(chained)
    history.add("ExecutionStarted", previous=0)
    history.entered("Create")
    for _ in range(2):
        history.add("TaskScheduled")
        history.failed("CrmUnavailable")
    history.exited("Create")
    history.entered("CatchErrors")
    history.add("TaskScheduled")
    history.add("TaskSucceeded", taskSucceededEventDetails={"output": "{}"})
    history.exited("CatchErrors")
    history.entered("Failed", kind="Fail")
    history.add("ExecutionFailed", executionFailedEventDetails={"error": "E", "cause": "c"})
    return history


def test_retries_are_counted_and_a_caught_state_is_told_from_a_failed_one() -> None:
    for chained in (True, False):
        runs = state_runs(retried_then_caught(chained).events)

        assert [(r.name, r.status, r.attempts) for r in runs] == [
            ("Create", Status.CAUGHT, 2),
            ("CatchErrors", Status.SUCCEEDED, 1),
            ("Failed", Status.FAILED, 0),
        ]
        assert (runs[0].error, runs[0].cause) == ("CrmUnavailable", "because")
        assert runs[0].seconds == 5.0
        assert (runs[0].input, runs[0].output) == ('{"a":1}', '{"b":2}')


def test_a_state_that_succeeded_after_a_retry_shows_no_error() -> None:
    history = History(chained=True)
    history.add("ExecutionStarted", previous=0)
    history.entered("Create")
    history.add("TaskScheduled")
    history.failed("CrmUnavailable")
    history.add("TaskScheduled")
    history.exited("Create")

    [run] = state_runs(history.events)

    assert (run.status, run.attempts, run.error) == (Status.SUCCEEDED, 2, None)


def test_a_state_under_way_has_no_duration() -> None:
    history = History(chained=True)
    history.add("ExecutionStarted", previous=0)
    history.entered("Create")

    [run] = state_runs(history.events)

    assert (run.status, run.seconds) == (Status.RUNNING, None)


def test_events_of_parallel_branches_go_to_their_own_states() -> None:
    history = History(chained=True)
    history.add("ExecutionStarted", previous=0)
    parallel = history.entered("Both", kind="Parallel")
    left = history.entered("Left", previous=parallel)
    right = history.entered("Right", previous=parallel)
    left = history.add("TaskScheduled", previous=left)
    right = history.add("TaskScheduled", previous=right)
    left = history.failed("Broken", previous=left)
    history.exited("Right", previous=right)

    runs = {run.name: run for run in state_runs(history.events)}

    assert (runs["Left"].error, runs["Left"].status) == ("Broken", Status.RUNNING)
    assert (runs["Right"].error, runs["Right"].status) == (None, Status.SUCCEEDED)


def test_the_event_of_an_execution_is_named_by_its_input() -> None:
    def execution(text: str | None) -> Execution:
        return Execution("arn", "name", "RUNNING", START, None, input=text)

    assert execution('{"id": "e-1"}').event_id == "e-1"
    assert [execution(t).event_id for t in (None, "{}", "[]", '{"id": 3}', "no json")] == [None] * 5


class StepFunctions:
    """Answers as boto3 does: with times in the zone of this computer."""

    def __init__(self, zone: timezone) -> None:
        self._at = START.astimezone(zone)

    def get_paginator(self, operation: str) -> Any:
        pages = {
            "list_executions": {"executions": [self._execution]},
            "get_execution_history": {
                "events": [
                    {
                        "id": 1,
                        "type": "TaskStateEntered",
                        "timestamp": self._at,
                        "stateEnteredEventDetails": {"name": "Create"},
                    }
                ]
            },
        }
        return SimpleNamespace(paginate=lambda **_: [pages[operation]])

    def describe_execution(self, **_: str) -> dict[str, Any]:
        return self._execution

    @property
    def _execution(self) -> dict[str, Any]:
        return {
            "executionArn": "arn",
            "name": "one",
            "status": "SUCCEEDED",
            "startDate": self._at,
            "stopDate": self._at,
        }


def test_times_are_in_utc_wherever_they_are_looked_at() -> None:
    executions = Executions(StepFunctions(timezone(timedelta(hours=-3))), "arn")

    [listed] = executions.newest(1)
    [run] = executions.history("arn")
    described = executions.describe("arn")

    for time in (listed.started, listed.stopped, described.started, run.entered):
        assert time is not None
        assert time.isoformat() == START.isoformat()
