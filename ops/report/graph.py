"""The places of a state machine's states in a picture: layers from the start down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ops.terraform.definition import State, inner


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
        below the first of those. The branches of a Parallel stand beside each other below it, each
        a column, and what comes after the Parallel stands below the longest.
        """
        block = _lay_out(definition, is_branch=False)
        nodes = sorted(block.nodes, key=lambda node: (node.layer, node.place))
        return cls(tuple(nodes), tuple(_edges(definition, None)))


@dataclass(frozen=True)
class _Block:
    """The places of a machine's states, and how many layers and places they take."""

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
    """Yield what leads to what, where `end`, if anything, comes after the machine.

    A Parallel leads to its branches, and their ends to what comes after it.
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
    """Yield the ways from a state to others of its machine."""
    targets = [choice["Next"] for choice in state.get("Choices", [])]
    targets += [state[key] for key in ("Default", "Next") if key in state]
    for target in dict.fromkeys(targets):
        yield Edge(name, target, caught=False)
    for target in dict.fromkeys(catcher["Next"] for catcher in state.get("Catch", [])):
        yield Edge(name, target, caught=True)


def _layers(start: str, heights: dict[str, int], edges: list[Edge]) -> dict[str, int]:
    """Return the longest way to each state; a way back to an earlier state does not count."""
    order = {name: number for number, name in enumerate(heights)}
    lowest = sum(heights.values())
    layers = {start: 0}
    # As many rounds as there are states is enough for the longest way.
    for _ in heights:
        for edge in edges:
            goes_back = order[edge.target] <= order[edge.source]
            if edge.source in layers and not (goes_back and edge.target in layers):
                below = layers[edge.source] + heights[edge.source]
                layers[edge.target] = min(max(layers.get(edge.target, 0), below), lowest)
    return {name: layers.get(name, lowest) for name in heights}
