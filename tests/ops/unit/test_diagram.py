"""Pictures of state machines."""

from __future__ import annotations

from typing import Any

from ops.terraform.diagram import mermaid

NESTED: dict[str, Any] = {
    "Type": "Map",
    "ItemProcessor": {"StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": True}}},
    "End": True,
}
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
                {"StartAt": "Right", "States": {"Right": {"Type": "Succeed"}}},
                {"StartAt": "Deep", "States": {"Deep": NESTED}},
            ],
            "Next": "After",
        },
        "After": {"Type": "Pass", "End": True},
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


def test_a_branch_is_a_frame_and_ends_where_its_parallel_goes_on() -> None:
    lines = [line.strip() for line in mermaid(DEFINITION).splitlines()]

    frame = lines.index('subgraph Both_1 [" "]')
    assert lines[frame + 1 : frame + 3] == ['Left["Left"]', "end"]
    arrows = {line for line in lines if "-->" in line}
    assert arrows >= {"Left --> After", "Right --> After", "Deep --> Each", "Each --> After"}
    assert [arrow for arrow in arrows if "finish" in arrow] == ["After --> finish((end))"]
    # It is left by its branches alone.
    assert "Both --> After" not in arrows
