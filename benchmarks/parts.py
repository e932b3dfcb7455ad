"""The parts of the benchmark, by name, in the order of the README."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import packaging

Data = dict[str, Any]


@dataclass
class Part:
    """How a part is measured, and how its figures become a section of the README."""

    title: str
    measure: Callable[[], Data]
    render: Callable[[Data], str]


PARTS = {
    "packaging": Part(packaging.TITLE, packaging.measure, packaging.render),
}
