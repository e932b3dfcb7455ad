"""Calculate and format the figures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

Cell = str | int | float


def median(values: Iterable[float]) -> float:
    """Return the median, which a single slow run does not affect."""
    return float(statistics.median(values))


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed.

    Raises
    ------
    ValueError
        When there are no values, or `share` is outside (0, 1].
    """
    ordered = sorted(values)
    if not ordered or not 0 < share <= 1:
        raise ValueError("a percentile needs values, and a share in (0, 1]")
    return ordered[math.ceil(share * len(ordered)) - 1]


def paired_ratio(others: Sequence[float], ours: Sequence[float]) -> float:
    """Return the median of the ratios other / ours of each pair.

    Both runs of a pair are measured together, so a slow machine affects both.

    Raises
    ------
    ValueError
        When the sequences differ in length.
    """
    return median(other / own for other, own in zip(others, ours, strict=True))


def seconds(value: float) -> str:
    """Return a duration with three significant digits, in s or ms."""
    return f"{value:#.3g} s" if value >= 1 else f"{value * 1000:.3g} ms"


def verdict(met: bool) -> str:
    """Return the mark for an aim."""
    return "met" if met else "**missed**"


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a Markdown table; all columns but the first are right-aligned."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)]]
    lines += [[str(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
