"""The state machine is valid, and consumers keep their files whatever fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from statelint.linter import Linter

from ops.terraform.docs import definition

FLOW = "athena_unload"


@pytest.fixture(scope="module")
def states() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(definition(FLOW))["States"]
    return found


def test_the_definition_is_valid() -> None:
    assert Linter.validate(json.loads(definition(FLOW))) == []


def test_every_task_repeats_and_every_step_is_caught(states: dict[str, Any]) -> None:
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}

    assert all(state["Retry"] for state in tasks.values())
    assert [name for name, state in tasks.items() if "Catch" not in state] == ["CatchErrors"]


def test_nothing_is_deleted_before_the_new_files_are_current(states: dict[str, Any]) -> None:
    order, name = [], "PlanUnload"
    while name != "CleanUp":
        order.append(name)
        name = states[name].get("Next") or states[name]["Default"]

    assert order == [
        "PlanUnload",
        "Crawl",
        "IsCrawlNew",
        "Unload",
        "SwitchPointer",
        "NotifyConsumers",
    ]


def test_a_query_is_repeated_only_before_it_starts(states: dict[str, Any]) -> None:
    for name in ("Unload", "UnloadWithParameters"):
        errors = [error for one in states[name]["Retry"] for error in one["ErrorEquals"]]
        assert errors == ["Athena.TooManyRequestsException"]
