"""The report's content: executions of each flow, their outcomes, and dead letters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ops.executions.executions import Execution, StateRun, Status
from ops.recovery.dead_letters import DeadLetter
from ops.report.graph import Graph

#: Candidate bar widths of the timeline; the first that gives at most MOST_BARS bars is used.
BAR_WIDTHS = [
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=12),
    timedelta(days=1),
    timedelta(days=7),
]
MOST_BARS = 48


@dataclass(frozen=True)
class Visit:
    """One execution and its visits to states."""

    execution: Execution
    runs: Sequence[StateRun]

    @property
    def outcomes(self) -> dict[str, Status]:
        """The status of each visited state; the last visit counts."""
        return {run.name: run.status for run in self.runs}


@dataclass(frozen=True)
class Bar:
    """The executions that started within one interval."""

    begin: datetime
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """The number of executions."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Durations:
    """A state's durations in seconds."""

    state: str
    count: int
    p50: float
    p95: float
    longest: float


@dataclass(frozen=True)
class FlowReport:
    """One flow in the period of the report.

    `visits` are the newest executions; `is_cut` is true when there are more. `dead_letters` include
    stuck executions.
    """

    name: str
    graph: Graph
    visits: Sequence[Visit]
    dead_letters: Sequence[DeadLetter]
    is_cut: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of executions by status."""
        found: dict[str, int] = {}
        for visit in self.visits:
            found[visit.execution.status] = found.get(visit.execution.status, 0) + 1
        return found

    @property
    def durations(self) -> list[Durations]:
        """Return the durations of each state, in the order of the graph."""
        found: dict[str, list[float]] = {node.name: [] for node in self.graph.nodes}
        for visit in self.visits:
            for run in visit.runs:
                if run.seconds is not None:
                    found.setdefault(run.name, []).append(run.seconds)
        return [
            Durations(
                name, len(values), percentile(values, 50), percentile(values, 95), max(values)
            )
            for name, values in found.items()
            if values
        ]

    def bars(self) -> list[Bar]:
        """Return the timeline, including empty bars."""
        starts = [visit.execution.started for visit in self.visits]
        if not starts:
            return []
        first, last = min(starts), max(starts)
        width = next((w for w in BAR_WIDTHS if (last - first) / w < MOST_BARS - 1), BAR_WIDTHS[-1])
        counts: dict[int, dict[str, int]] = {}
        for visit in self.visits:
            at = counts.setdefault(int((visit.execution.started - first) / width), {})
            at[visit.execution.status] = at.get(visit.execution.status, 0) + 1
        return [Bar(first + width * i, counts.get(i, {})) for i in range(max(counts) + 1)]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(percent / 100 * len(ordered)), 1) - 1]
