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

<!-- Written by `make bench`; change what writes it, not this. -->

What Flowbridge costs in time, bytes and money, beside what it is compared with. Ratios come first:
they carry over to another machine, absolute times do not. `make bench` runs everything but the long
form of the load, `make bench PART=load_long` one part, such as that; both write this page anew.
Each part says on which machine, and when, it ran last."""


def write(folder: Path = results.FOLDER, file: Path = FILE) -> None:
    """Write the page; a part that never ran is left out."""
    sections = [HEAD]
    for name, part in PARTS.items():
        result = results.load(name, folder)
        if result is not None:
            body = part.render(result.data).strip()
            sections.append(f"## {part.title}\n\n{origin(result)}\n\n{body}{_plot(name)}")
    file.write_text("\n\n".join(sections) + "\n")


def origin(result: Result) -> str:
    """Return the line that says where a part's figures come from."""
    machine = result.machine
    return (
        f"`{result.command}`, {result.date}, took {result.took_seconds:.0f} s on "
        f"{machine['processor']}, {machine['memory']}, {machine['system']}, "
        f"Python {machine['python']}, Terraform {machine['terraform']}, "
        f"load {machine['load']} at its start."
    )


def _plot(name: str) -> str:
    return f"\n\n![{name}](plots/{name}.svg)" if (FOLDER / "plots" / f"{name}.svg").exists() else ""
