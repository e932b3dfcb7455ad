"""What a state machine's definition in Amazon States Language says of its states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

State = dict[str, Any]


def inner(state: State) -> list[State]:
    """Return the machines within a state: a Parallel's branches, or a Map's one for each item."""
    processor = [state["ItemProcessor"]] if "ItemProcessor" in state else []
    return [*state.get("Branches", []), *processor]


def all_states(machine: State) -> Iterator[tuple[str, State]]:
    """Yield every state with its name, those within a state after it; no two have one name."""
    for name, state in machine["States"].items():
        yield name, state
        for branch in inner(state):
            yield from all_states(branch)
