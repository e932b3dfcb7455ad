"""Pictures of state machines."""

from __future__ import annotations

from typing import Any

from ops.diagram import mermaid
from ops.docs import drawn

DEFINITION: dict[str, Any] = {
    "StartAt": "Work",
    "States": {
        "Work": {
            "Type": "Task",
            "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 2}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Broken"}],
            "Next": "Which",
        },
        "Which": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% true %}", "Next": "Both"}],
            "Default": "Broken",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "End": True}}},
                {"StartAt": "Right", "States": {"Right": {"Type": "Pass", "End": True}}},
            ],
            "End": True,
        },
        "Broken": {"Type": "Fail"},
    },
}


def test_every_state_and_every_way_is_drawn() -> None:
    lines = [line.strip() for line in mermaid(DEFINITION).splitlines()]

    assert lines[0] == "flowchart TD"
    for expected in (
        "start --> Work",
        'Work["Work<br/><i>retried</i>"]',
        "Work --> Which",
        "Work -.->|any error| Broken",
        'Which{"Which"}',
        "Which -->|else| Broken",
        "Both --> Left",
        "Both --> Right",
        'Broken(["Broken"])',
        "class Broken failed",
    ):
        assert expected in lines


def test_a_document_keeps_all_but_its_pictures() -> None:
    text = "before\n<!-- picture of x -->\nold\n<!-- end of picture -->\nafter\n"

    once = drawn(text, {"x": "flowchart TD\n"})

    assert once == (
        "before\n<!-- picture of x -->\n```mermaid\nflowchart TD\n```\n"
        "<!-- end of picture -->\nafter\n"
    )
    assert drawn(once, {"x": "flowchart TD\n"}) == once
