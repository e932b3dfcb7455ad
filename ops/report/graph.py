"""Lay out a state machine as a graph: layers from the start downward."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ops.terraform.definition import State, inner


@dataclass(frozen=True)
class Node:
    """A state: its layer from the top and its position from the left."""

    name: str
    layer: int
    place: int


@dataclass(frozen=True)
class Edge:
    """A transition from one state to another; `caught` marks a Catch transition."""

    source: str
    target: str
    caught: bool


@dataclass(frozen=True)
class Graph:
    """A state machine's states and transitions."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @classmethod
    def of(cls, definition: State) -> Graph:
        """Lay out a definition in Amazon States Language, branches and maps included.

        A state is placed below all its predecessors; a state that only Catch transitions reach is
        placed below the first of them. The branches of a Parallel are columns below it. The state
        after the Parallel is placed below the longest branch.
        """
        block = _lay_out(definition, is_branch=False)
        nodes = sorted(block.nodes, key=lambda node: (node.layer, node.place))
        return cls(tuple(nodes), tuple(_edges(definition, None)))


@dataclass(frozen=True)
class _Block:
    """The positions of a machine's states, and the layers and columns that they occupy."""

    nodes: list[Node]
    layers: int
    places: int


def _lay_out(machine: State, *, is_branch: bool) -> _Block:
    states = machine["States"]
    within = {
        name: [_lay_out(branch, is_branch=True) for branch in inner(state)]
        for name, state in states.items()
    }
    heights = {
        name: 1 + max((block.layers for block in blocks), default=0)
        for name, blocks in within.items()
    }
    ways = [edge for name, state in states.items() for edge in _ways(name, state)]
    tops = _layers(machine["StartAt"], heights, ways)
    order = sorted(states, key=lambda name: tops[name])
    if is_branch:
        tops = {name: sum(heights[before] for before in order[:n]) for n, name in enumerate(order)}
    used: dict[int, int] = {}
    nodes = []
    for name in order:
        rows = range(tops[name], tops[name] + heights[name])
        left = max(used.get(row, 0) for row in rows)
        nodes.append(Node(name, rows[0], left))
        used[rows[0]] = left + 1
        for block in within[name]:
            nodes += [Node(n.name, rows[0] + 1 + n.layer, left + n.place) for n in block.nodes]
            left += block.places
            used |= dict.fromkeys(rows[1:], left)
    return _Block(nodes, max(used) + 1, max(used.values()))


def _edges(machine: State, end: str | None) -> Iterator[Edge]:
    """Yield the transitions of a machine; `end` is the state after it, if there is one.

    A Parallel leads to its branches; the branches' ends lead to the state after it.
    """
    for name, state in machine["States"].items():
        branches = inner(state)
        after = state.get("Next", end)
        yield from (e for e in _ways(name, state) if e.caught or not branches)
        if after and not branches and (state.get("End") or state["Type"] == "Succeed"):
            yield Edge(name, after, caught=False)
        for branch in branches:
            yield Edge(name, branch["StartAt"], caught=False)
            yield from _edges(branch, after)


def _ways(name: str, state: State) -> Iterator[Edge]:
    """Yield the transitions from a state to others of its machine."""
    targets = [choice["Next"] for choice in state.get("Choices", [])]
    targets += [state[key] for key in ("Default", "Next") if key in state]
    for target in dict.fromkeys(targets):
        yield Edge(name, target, caught=False)
    for target in dict.fromkeys(catcher["Next"] for catcher in state.get("Catch", [])):
        yield Edge(name, target, caught=True)


def _layers(start: str, heights: dict[str, int], edges: list[Edge]) -> dict[str, int]:
    """Return each state's longest distance from the start, ignoring transitions backward."""
    order = {name: number for number, name in enumerate(heights)}
    lowest = sum(heights.values())
    layers = {start: 0}
    # The longest path has fewer transitions than there are states.
    for _ in heights:
        for edge in edges:
            goes_back = order[edge.target] <= order[edge.source]
            if edge.source in layers and not (goes_back and edge.target in layers):
                below = layers[edge.source] + heights[edge.source]
                layers[edge.target] = min(max(layers.get(edge.target, 0), below), lowest)
    return {name: layers.get(name, lowest) for name in heights}
