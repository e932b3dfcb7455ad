"""Render the report as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from ops.cli.screens import NAME_LENGTH, age, seconds
from ops.executions.executions import Status
from ops.report.graph import Graph, Node
from ops.report.masking import indented, masked
from ops.report.model import FlowReport, Visit

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 190, 40, 40, 34, 12
WORDS = {
    Status.WAITING: "not visited",
    Status.RUNNING: "running",
    Status.SUCCEEDED: "succeeded",
    Status.CAUGHT: "failed, caught",
    Status.FAILED: "failed",
}


def render(environment: str, flows: Sequence[FlowReport], now: datetime, *, personal: bool) -> str:
    """Return the page.

    Parameters
    ----------
    environment
        The environment's name.
    flows
        The reports to show.
    now
        When the data was read.
    personal
        Show inputs and outputs unmasked.
    """
    show: Callable[[str], str] = indented if personal else masked
    # Every value is escaped: any sender of an event controls its input.
    jinja = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    jinja.globals |= {
        "picture": picture,
        "seconds": seconds,
        "age": age,
        "show": show,
        "short": NAME_LENGTH,
        "status_of": lambda visit, name: visit.outcomes.get(name, Status.WAITING),
        "words": WORDS,
    }
    template = resources.files("ops.report").joinpath("page.html.j2").read_text("utf-8")
    return jinja.from_string(template).render(
        environment=environment, flows=flows, now=now, personal=personal
    )


def picture(graph: Graph, visit: Visit | None = None) -> dict[str, Any]:
    """Return the template's data: boxes and lines with their positions in pixels."""
    places = {node.name: _place(node) for node in graph.nodes}
    outcomes = visit.outcomes if visit else {}
    boxes = [
        {
            "name": name,
            "x": x,
            "y": y,
            "kind": outcomes.get(name, Status.WAITING).value,
            "word": WORDS[outcomes.get(name, Status.WAITING)],
        }
        for name, (x, y) in places.items()
    ]
    lines = [
        {
            "path": _line(places[edge.source], places[edge.target], edge.caught),
            "kind": "caught" if edge.caught else "normal",
        }
        for edge in graph.edges
    ]
    width = max((x for x, _ in places.values()), default=0) + BOX_WIDTH + GAP_X + MARGIN
    height = max((y for _, y in places.values()), default=0) + BOX_HEIGHT + MARGIN
    return {
        "boxes": boxes,
        "lines": lines,
        "width": width,
        "height": height,
        "box_width": BOX_WIDTH,
        "box_height": BOX_HEIGHT,
    }


def _place(node: Node) -> tuple[int, int]:
    return (
        GAP_X + node.place * (BOX_WIDTH + GAP_X),
        MARGIN + node.layer * (BOX_HEIGHT + GAP_Y),
    )


def _line(source: tuple[int, int], target: tuple[int, int], caught: bool) -> str:
    """Return the SVG path of an arrow.

    An arrow to the next layer goes straight down. One that skips layers or goes backward runs
    between the columns. A Catch arrow runs to the right of the boxes.
    """
    half, middle = BOX_WIDTH // 2, BOX_HEIGHT // 2
    if caught:
        x1, y1 = source[0] + BOX_WIDTH, source[1] + middle
        x2, y2 = target[0] + BOX_WIDTH, target[1] + middle
        right = max(x1, x2) + GAP_X - 8
        return f"M{x1} {y1} C{right} {y1} {right} {y2} {x2 + 5} {y2}"
    layers = (target[1] - source[1]) // (BOX_HEIGHT + GAP_Y)
    x1, x2, y2 = source[0] + half, target[0] + half, target[1]
    if layers == 1:
        y1 = source[1] + BOX_HEIGHT
        between = (y1 + y2) // 2
        return f"M{x1} {y1} C{x1} {between} {x2} {between} {x2} {y2 - 5}"
    begin = f"M{source[0]} {source[1] + middle}"
    if layers > 1:
        return f"{begin} H{source[0] - GAP_X // 2} V{y2 - GAP_Y // 2} H{x2} V{y2 - 5}"
    return f"{begin} H{source[0] - GAP_X // 4} V{y2 + middle + 8} H{target[0] - 5}"
