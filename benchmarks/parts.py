"""The parts of the benchmark, by name, in the order of the README."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import cold_start, cost, load, packaging, terraform_times, usage

Data = dict[str, Any]


@dataclass
class Part:
    """The functions that measure a part and render its section of the README."""

    title: str
    measure: Callable[[], Data]
    render: Callable[[Data], str]


PARTS = {
    "packaging": Part(packaging.TITLE, packaging.measure, packaging.render),
    "cold_start": Part(cold_start.TITLE, cold_start.measure, cold_start.render),
    "cost": Part(cost.TITLE, cost.measure, cost.render),
    "usage": Part(usage.TITLE, usage.measure, usage.render),
    "terraform": Part(terraform_times.TITLE, terraform_times.measure, terraform_times.render),
    "load": Part(load.TITLE, load.measure, load.render),
    "load_long": Part(load.TITLE_LONG, load.measure_long, load.render_long),
}
