"""The emulator's history links each event to its branch."""

from __future__ import annotations

import contextvars
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from emulator.patches.stepfunctions import redrive
from emulator.patches.stepfunctions.definitions import with_outputs
from emulator.patches.stepfunctions.history import chained, recorded
from ops.executions.executions import state_runs
from tests.support.times import START


def added(execution: Any, kind: str, details: Any = None) -> Any:
    """Write an event as the emulator does."""
    number = len(execution["events"]) + 1
    event = {"id": number, "type": kind, "timestamp": START, **(details or {})}
    execution["events"].append(event)
    return event


def test_each_event_of_a_branch_belongs_to_its_own_state() -> None:
    add = chained(added)
    execution: dict[str, Any] = {"executionArn": "arn", "status": "RUNNING", "events": []}

    def task(state: Any, value: Any, execution: Any, context: Any) -> Any:
        add(execution, "TaskScheduled")
        if state["fails"]:
            failed = {"error": context["State"]["Name"]}
            add(execution, "TaskFailed", {"taskFailedEventDetails": failed})
        return value, state["Next"]

    machines = SimpleNamespace(
        _add_event=add,
        _execute_task=task,
        _execute_pass=lambda *_: ({}, None),
        now_iso=lambda: "now",
    )
    run = recorded(machines)
    context: dict[str, Any] = {"variables": {}}

    def branch(name: str) -> None:
        states = {
            name: {"Type": "Task", "fails": name == "A", "Next": f"{name}2"},
            f"{name}2": {"Type": "Pass"},
        }
        run(states, name, {}, execution, context)

    add(execution, "ParallelStateEntered", {"stateEnteredEventDetails": {"name": "Both"}})
    with ThreadPoolExecutor() as pool:
        work = [pool.submit(contextvars.copy_context().run, branch, name) for name in ("A", "B")]
    assert [done.result() for done in work] == [None, None]

    runs = {run.name: run for run in state_runs(execution["events"])}
    assert set(runs) == {"Both", "A", "A2", "B", "B2"}
    assert {name: run.error for name, run in runs.items() if run.error} == {"A": "A"}
    assert [event["id"] for event in execution["events"]] == list(range(1, 13))
    assert "State" not in context


def test_an_execution_that_another_one_started_begins_anew() -> None:
    add = chained(added)
    first: dict[str, Any] = {"executionArn": "a", "events": []}
    second: dict[str, Any] = {"executionArn": "b", "events": []}

    add(first, "ExecutionStarted")

    assert add(second, "ExecutionStarted")["previousEventId"] == 0


def test_a_succeed_has_the_output_that_it_names() -> None:
    output = with_outputs(lambda _, value, __: value, lambda template, *_: f"filled {template}")

    assert output({"Type": "Succeed", "Output": "x"}, "given") == "filled x"
    assert output({"Type": "Succeed"}, "given") == "given"
    assert output({"Type": "Task", "Output": "x"}, "given") == "given"


def test_a_parallel_goes_on_as_a_whole() -> None:
    events = [
        {"type": "ParallelStateEntered", "stateEnteredEventDetails": {"name": "P", "input": "1"}},
        {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "A", "input": "2"}},
    ]

    assert redrive.interrupted(events, {"P": {}}) == ("P", 1)
