"""Plot each part's last result: ``.venv-bench/bin/python -m benchmarks.plots``.

A separate program, because only its environment has matplotlib. That environment lacks our other
libraries, so import only the results and the figures here.
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
    """Draw two bars for each name: the alternative's and ours."""
    for index, (label, color) in enumerate(zip(labels, (OTHER, OURS), strict=True)):
        places = [number + (index - 0.5) * 0.4 for number in range(len(names))]
        axes.bar(places, [pair[index] for pair in pairs], 0.4, label=label, color=color)
    axes.set_xticks(range(len(names)), names)
    axes.legend(frameon=False)


def packaging(data: dict[str, Any], figure: Figure) -> None:
    """Plot the seconds of each case."""
    axes = figure.subplots()
    cases = data["cases"]
    pairs = [(median(times["sam"]), median(times["ours"])) for times in cases.values()]
    side_by_side(axes, list(cases), pairs, ("sam build", "build/package.py"))
    axes.set_ylabel("seconds")


def cold_start(data: dict[str, Any], figure: Figure) -> None:
    """Plot init and first invocation as stacked bars, for both versions of each function."""
    axes = figure.subplots()
    functions = {name: kinds for name, kinds in data["functions"].items() if "article" in kinds}
    for index, (kind, color) in enumerate((("article", OTHER), ("ours", OURS))):
        places = [number + (index - 0.5) * 0.4 for number in range(len(functions))]
        init = [median(kinds[kind]["init"]) * 1000 for kinds in functions.values()]
        first = [median(kinds[kind]["first"]) * 1000 for kinds in functions.values()]
        axes.bar(places, init, 0.4, label=f"{kind}, init", color=color)
        axes.bar(places, first, 0.4, init, label=f"{kind}, first", color=color, alpha=0.5)
    axes.set_xticks(range(len(functions)), list(functions), rotation=30, ha="right")
    axes.set_ylabel("milliseconds")
    axes.legend(frameon=False)


def cost(data: dict[str, Any], figure: Figure) -> None:
    """Plot each count relative to the article's."""
    axes = figure.subplots()
    names = [name for name in data["ours"] if name in data["article"]]
    shares = [data["ours"][name] / data["article"][name] for name in names]
    axes.barh([name.replace("_", " ") for name in names], shares, color=OURS)
    axes.axvline(1, color=OTHER)
    axes.set_xlabel("ours to the article's")
    axes.invert_yaxis()


def terraform(data: dict[str, Any], figure: Figure) -> None:
    """Plot the seconds of each case."""
    axes = figure.subplots()
    axes.barh(list(data["times"]), [median(times) for times in data["times"].values()], color=OURS)
    axes.set_xlabel("seconds")
    axes.invert_yaxis()


def load(data: dict[str, Any], figure: Figure) -> None:
    """Plot throughput and latencies by the number of concurrent leads."""
    left, right = figure.subplots(1, 2)
    steps = data["steps"]
    left.bar(list(steps), [step["per_second"] for step in steps.values()], color=OURS)
    left.set_ylabel("leads a second")
    for name in ("p50", "p95", "p99"):
        right.plot(list(steps), [step[name] for step in steps.values()], marker="o", label=name)
    right.set_ylabel("seconds to the last row")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.set_xlabel("leads at a time")


def load_long(data: dict[str, Any], figure: Figure) -> None:
    """Plot the time per lead of the first leads, of all, and of the last ones."""
    axes = figure.subplots()
    growth = data["growth"]
    names = ("first", "all", "last")
    axes.bar(names, [growth[name] / growth["first"] for name in names], color=OURS)
    axes.axhline(1, color=OTHER)
    axes.set_ylabel("cost of a lead, to the first")


DRAWN: dict[str, Callable[[dict[str, Any], Figure], None]] = {
    "packaging": packaging,
    "cold_start": cold_start,
    "cost": cost,
    "terraform": terraform,
    "load": load,
    "load_long": load_long,
}


def main() -> None:
    """Plot every part that has a result."""
    # Deterministic ids, so that the same figures produce the same bytes.
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
