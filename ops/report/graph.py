"""The places of a state machine's states in a picture: layers from the start down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

State = dict[str, Any]


@dataclass(frozen=True)
class Node:
    """A state: its layer from the top, and its place in it from the left."""

    name: str
    layer: int
    place: int


@dataclass(frozen=True)
class Edge:
    """A way from one state to another; the way of an error when it is `caught`."""

    source: str
    target: str
    caught: bool


@dataclass(frozen=True)
class Graph:
    """A state machine's states and the ways between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @classmethod
    def of(cls, definition: State) -> Graph:
        """Lay out a definition in Amazon States Language, branches and maps included.

        A state comes below all that lead to it without an error; one that only errors lead to,
        below the first of those.
        """
        states = dict(_all_states(definition))
        edges = [edge for name, state in states.items() for edge in _edges(name, state)]
        layers = _layers(definition["StartAt"], list(states), edges)
        used: dict[int, int] = {}
        nodes = []
        for name in sorted(states, key=lambda name: layers[name]):
            layer = layers[name]
            nodes.append(Node(name, layer, used.get(layer, 0)))
            used[layer] = used.get(layer, 0) + 1
        return cls(tuple(nodes), tuple(edges))


def _all_states(machine: State) -> Iterator[tuple[str, State]]:
    for name, state in machine["States"].items():
        yield name, state
        for inner in _inner(state):
            yield from _all_states(inner)


def _inner(state: State) -> list[State]:
    return [
        *state.get("Branches", []),
        *([state["ItemProcessor"]] if "ItemProcessor" in state else []),
    ]


def _edges(name: str, state: State) -> Iterator[Edge]:
    targets = [choice["Next"] for choice in state.get("Choices", [])]
    targets += [state[key] for key in ("Default", "Next") if key in state]
    targets += [inner["StartAt"] for inner in _inner(state)]
    for target in dict.fromkeys(targets):
        yield Edge(name, target, caught=False)
    for target in dict.fromkeys(catcher["Next"] for catcher in state.get("Catch", [])):
        yield Edge(name, target, caught=True)


def _layers(start: str, names: list[str], edges: list[Edge]) -> dict[str, int]:
    """Return the longest way to each state; a way back to an earlier state does not count."""
    order = {name: number for number, name in enumerate(names)}
    layers = {start: 0}
    # As many rounds as there are states is enough for the longest way.
    for _ in names:
        for edge in edges:
            goes_back = order[edge.target] <= order[edge.source]
            if edge.source in layers and not (goes_back and edge.target in layers):
                lowest = layers[edge.source] + 1
                layers[edge.target] = min(max(layers.get(edge.target, 0), lowest), len(names))
    return {name: layers.get(name, len(names)) for name in names}
