"""Walk the states of a definition in Amazon States Language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

State = dict[str, Any]


def inner(state: State) -> list[State]:
    """Return the machines within a state: a Parallel's branches or a Map's item processor."""
    processor = [state["ItemProcessor"]] if "ItemProcessor" in state else []
    return [*state.get("Branches", []), *processor]


def all_states(machine: State) -> Iterator[tuple[str, State]]:
    """Yield every state with its name, nested states after their parent; names are unique."""
    for name, state in machine["States"].items():
        yield name, state
        for branch in inner(state):
            yield from all_states(branch)
