"""Draw each part's picture from its last result: ``.venv-bench/bin/python -m benchmarks.plots``.

A program of its own, in the environment that holds matplotlib; it imports nothing else of ours but
the results and the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import results
from benchmarks.figures import median

FOLDER = Path(__file__).resolve().parent / "plots"
OTHER, OURS = "#b0b0b0", "#1f6f8b"


def side_by_side(
    axes: Axes, names: list[str], pairs: list[tuple[float, float]], labels: tuple[str, str]
) -> None:
    """Draw two bars for each name: what we are compared with, and ours."""
    for index, (label, color) in enumerate(zip(labels, (OTHER, OURS), strict=True)):
        places = [number + (index - 0.5) * 0.4 for number in range(len(names))]
        axes.bar(places, [pair[index] for pair in pairs], 0.4, label=label, color=color)
    axes.set_xticks(range(len(names)), names)
    axes.legend(frameon=False)


def packaging(data: dict[str, Any], figure: Figure) -> None:
    """Draw the seconds of each case."""
    axes = figure.subplots()
    cases = data["cases"]
    pairs = [(median(times["sam"]), median(times["ours"])) for times in cases.values()]
    side_by_side(axes, list(cases), pairs, ("sam build", "build/package.py"))
    axes.set_ylabel("seconds")


DRAWN: dict[str, Callable[[dict[str, Any], Figure], None]] = {"packaging": packaging}


def main() -> None:
    """Draw every part that ran."""
    # The same figures give the same bytes.
    mpl.rcParams["svg.hashsalt"] = "flowbridge"
    mpl.rcParams["font.size"] = 9
    FOLDER.mkdir(exist_ok=True)
    for part, draw in DRAWN.items():
        result = results.load(part)
        if result is not None:
            figure = Figure(figsize=(7, 3), layout="constrained")
            draw(result.data, figure)
            for axes in figure.axes:
                axes.spines[["top", "right"]].set_visible(False)
            figure.savefig(FOLDER / f"{part}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
