"""The state machine is valid, and every error has a place to go."""

from __future__ import annotations

import json

from statelint.linter import Linter

from ops.terraform.docs import definition


def test_the_definition_is_valid() -> None:
    # The linter does not know that JSONata may compute a wait.
    problems = Linter.validate(json.loads(definition("databrew_chain")))

    assert [problem for problem in problems if ".Seconds" not in problem] == []


def test_every_task_repeats_and_every_step_is_caught() -> None:
    states = json.loads(definition("databrew_chain"))["States"]
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}

    assert all(state["Retry"] for state in tasks.values())
    assert [name for name, state in tasks.items() if "Catch" not in state] == ["CatchErrors"]
