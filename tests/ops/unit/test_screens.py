"""Text from events and messages is shown on a terminal without effect on it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from ops.cli import screens
from ops.executions.executions import Execution, StateRun, Status
from ops.recovery.audit import Accepted
from ops.recovery.dead_letters import FAILED, parse
from ops.recovery.reconcile import Fate, Report, Verdict

NOW = datetime(2026, 11, 21, tzinfo=UTC)
#: Clears the screen, sets the window's title, goes back over the line, and closes a style.
HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\x9b31m\x00[/red][bold"


def shown(renderable: object) -> str:
    """Return what a terminal would get, styles left out."""
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_dead_letters_text_has_no_effect_on_the_terminal() -> None:
    body = {"failedState": HOSTILE, "error": {"name": HOSTILE, "cause": HOSTILE}}
    letter = parse(FAILED, {"MessageId": "m", "ReceiptHandle": "r", "Body": json.dumps(body)})

    found = shown(screens.dead_letters_table([letter], NOW))

    assert screens.CONTROLS.search(found) is None
    assert r"\x1b[2J" in found
    assert "[/red][bold" in found


def test_a_states_text_has_no_effect_on_the_terminal() -> None:
    run = StateRun("State", NOW, HOSTILE, output=HOSTILE, error=HOSTILE, cause=HOSTILE)

    assert screens.CONTROLS.search(shown(screens.state_details(run))) is None


def test_the_states_of_a_branch_stand_below_its_parallel() -> None:
    branches = [
        {"StartAt": "A", "States": {"A": {"Type": "Task"}, "Kept": {"Type": "Pass"}}},
        {"StartAt": "B", "States": {"B": {"Type": "Task"}}},
    ]
    machine = {
        "States": {
            "Both": {"Type": "Parallel", "Branches": branches},
            "Again": {"Type": "Choice"},
            "Never": {"Type": "Fail"},
        }
    }
    names = ["Both", "B", "A", "Again", "Both", "A", "B", "Kept"]
    runs = [StateRun(name, NOW, "", Status.SUCCEEDED, exited=NOW) for name in names]
    execution = Execution("arn", "name", "SUCCEEDED", NOW, NOW)

    lines = shown(screens.graph(execution, machine, runs)).splitlines()[1:]

    assert [line[:13].rstrip() for line in lines] == [
        "  ✓ Both",
        "    ✓ A",
        "    · Kept",
        "    ✓ B",
        "  ✓ Again",
        "  ✓ Both",
        "    ✓ A",
        "    ✓ Kept",
        "    ✓ B",
        "  · Never",
    ]


@pytest.mark.parametrize(
    "text",
    [HOSTILE, json.dumps({"name": HOSTILE}), "[" * 20_000],
    ids=["no JSON", "a text", "too deep"],
)
def test_json_is_shown_without_its_effects(text: str) -> None:
    found = shown(screens.escape(screens.indented_json(text)))

    assert screens.CONTROLS.search(found) is None


def test_the_tables_name_the_zone_of_their_times() -> None:
    found = shown(
        screens.executions_table(
            [("flow", Execution("arn", "one", "RUNNING", NOW, None), [])], False
        )
    )
    verdict = Verdict(Accepted("one", NOW, "s", "d"), Fate.LOST, NOW)
    lost = shown(screens.reconciliation(Report([verdict]), everything=False))

    assert "started (UTC)" in found
    assert "accepted (UTC)" in lost
    assert "since (UTC)" in lost
