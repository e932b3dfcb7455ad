"""The state machines are valid, every task has a limit, and no failed crawl is repeated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from statelint.linter import Linter

from ops.terraform.docs import definition
from ops.terraform.templates import STATE_MACHINE, definition_templates

FLOW = "crawler_orchestration"
TEMPLATES = [file.name for file in definition_templates(FLOW)]
#: A field that takes an expression, which the linter does not know.
NUMBERS = r'"MaxConcurrency": "\{%[^"]*%\}"'
NESTED = "arn:aws:states:::states:startExecution.sync:2"


def machine(template: str) -> dict[str, Any]:
    """Return the definition of a template."""
    found: dict[str, Any] = json.loads(definition(FLOW, template))
    return found


def states(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all states, also those of Maps."""
    for name, state in found["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def tasks(template: str) -> dict[str, dict[str, Any]]:
    """Return the tasks of a template, by name."""
    return {name: state for name, state in states(machine(template)) if state["Type"] == "Task"}


def test_there_are_three_state_machines() -> None:
    assert TEMPLATES == [
        "create_dataset.asl.json.tftpl",
        "run_crawler.asl.json.tftpl",
        STATE_MACHINE,
    ]


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_definition_is_valid(template: str) -> None:
    text = re.sub(NUMBERS, '"MaxConcurrency": 1', json.dumps(machine(template)))

    assert Linter.validate(json.loads(text)) == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_task_has_a_time_limit_and_a_retry(template: str) -> None:
    found = tasks(template)

    assert found
    assert all("TimeoutSeconds" in state and state["Retry"] for state in found.values())
    assert "TimeoutSeconds" in machine(template)


def test_every_step_of_a_request_is_caught() -> None:
    found = tasks(STATE_MACHINE)

    assert [name for name, state in found.items() if "Catch" not in state] == ["CatchErrors"]


@pytest.mark.parametrize("template", [STATE_MACHINE, "run_crawler.asl.json.tftpl"])
def test_a_nested_execution_that_failed_is_never_repeated(template: str) -> None:
    nested = [state for state in tasks(template).values() if state["Resource"] == NESTED]
    repeated = {
        error
        for state in nested
        for retry in state["Retry"]
        for error in retry["ErrorEquals"]
        if retry["MaxAttempts"]
    }

    assert nested
    assert repeated
    assert not repeated & {"States.ALL", "States.TaskFailed", "States.Timeout"}


def test_a_failed_crawler_fails_the_request() -> None:
    found = machine(STATE_MACHINE)["States"]

    assert found["RunCrawlers"]["Next"] == "AllSucceeded"
    [failed] = found["AllSucceeded"]["Choices"]
    assert failed["Next"] == "CatchErrors"
    assert "CrawlersFailed" in json.dumps(failed["Assign"])
