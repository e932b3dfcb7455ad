"""Write ``benchmarks/README.md`` from the last result of each part."""

from __future__ import annotations

from pathlib import Path

from benchmarks import results
from benchmarks.parts import PARTS
from benchmarks.results import Result

FOLDER = Path(__file__).resolve().parent
FILE = FOLDER / "README.md"
HEAD = """\
# Benchmarks

<!-- `make bench` generates this page from results/. Edit the texts in benchmarks/*.py. -->

The time, bytes and money that Flowbridge costs, in comparison with alternatives. Ratios come first,
because they apply to other machines too; absolute times do not. `make bench` runs all parts except
the long run of the load. `make bench PART=load_long` runs one part. Both regenerate this page. Each
part names the date and the machine of its last run."""


def write(folder: Path = results.FOLDER, file: Path = FILE) -> None:
    """Write the page, without parts that have no result."""
    sections = [HEAD]
    for name, part in PARTS.items():
        result = results.load(name, folder)
        if result is not None:
            body = part.render(result.data).strip()
            sections.append(f"## {part.title}\n\n{description(result)}\n\n{body}{_plot(name)}")
    file.write_text("\n\n".join(sections) + "\n")


def description(result: Result) -> str:
    """Return the line with a result's command, date and machine."""
    machine = result.machine
    return (
        f"`{result.command}`, {result.date}, took {result.took_seconds:.0f} s on "
        f"{machine['processor']}, {machine['memory']}, {machine['system']}, "
        f"Python {machine['python']}, Terraform {machine['terraform']}, "
        f"load {machine['load']} at the start."
    )


def _plot(name: str) -> str:
    return f"\n\n![{name}](plots/{name}.svg)" if (FOLDER / "plots" / f"{name}.svg").exists() else ""
