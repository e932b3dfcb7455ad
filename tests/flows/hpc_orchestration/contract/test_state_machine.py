"""The state machines are valid, and every error has a place to go."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from statelint.linter import Linter

from ops.terraform.docs import definition
from ops.terraform.templates import FLOWS, STATE_MACHINE

FLOW = "hpc_orchestration"
#: Fields that take an expression, which the linter does not know.
NUMBERS = r'"(MaxConcurrency|MaxItemsPerBatch|TimeoutSeconds|HeartbeatSeconds)": "\{%[^"]*%\}"'


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all states, also those of the children."""
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


@pytest.fixture(scope="module")
def machine() -> dict[str, Any]:
    """The definition of a run."""
    found: dict[str, Any] = json.loads(definition(FLOW))
    return found


def test_the_definition_is_valid(machine: dict[str, Any]) -> None:
    text = re.sub(NUMBERS, r'"\1": 1', json.dumps(machine))
    # The linter is older than this field of a distributed Map.
    assert Linter.validate(json.loads(text.replace('"Label": "Batch", ', ""))) == []


def test_every_task_repeats_and_every_step_is_caught(machine: dict[str, Any]) -> None:
    tasks = {name: state for name, state in states(machine) if state["Type"] == "Task"}

    assert all(state["Retry"] for state in tasks.values())
    assert [name for name, state in tasks.items() if "Catch" not in state] == ["CatchErrors"]


def test_every_task_has_a_time_limit_and_every_token_a_heartbeat(machine: dict[str, Any]) -> None:
    tasks = {name: state for name, state in states(machine) if state["Type"] == "Task"}

    assert all("TimeoutSeconds" in state for state in tasks.values())
    waiting = [n for n, state in tasks.items() if state["Resource"].endswith("TaskToken")]
    assert (
        waiting == [n for n, state in tasks.items() if "HeartbeatSeconds" in state] == ["Collect"]
    )


def test_a_failed_job_is_never_submitted_again_by_a_retry(machine: dict[str, Any]) -> None:
    found = dict(states(machine))
    repeated = {e for retry in found["Simulate"]["Retry"] for e in retry["ErrorEquals"]}

    assert not repeated & {"States.ALL", "States.TaskFailed", "States.Timeout"}


def test_a_thousand_failed_batches_fit_into_the_result_of_the_map(machine: dict[str, Any]) -> None:
    output = dict(states(machine))["BatchFailed"]["Output"]
    [length] = re.findall(r"0, (\d+)\)+ %\}$", output["reason"])
    one = {"entries": 1, "failed": True, "names": ["n" * 40], "reason": "r" * int(length)}

    assert one.keys() == output.keys()
    # Quotes of a reason are escaped.
    assert len(json.dumps([one] * 1000)) * 1.1 < 262_144


def test_every_fail_state_names_its_error() -> None:
    text = (FLOWS / FLOW / STATE_MACHINE).read_text()
    fails = text.split('"Type": "Fail",')[1:]

    assert fails
    for fail in fails:
        assert re.match(r'\s+"Error": "[^"]+",\s+"Cause": "[^"]+"', fail)
