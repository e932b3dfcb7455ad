"""``make bench [PART=packaging]``: measure, keep the figures, write the README and the plots."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from datetime import UTC, datetime

from benchmarks import machine, readme
from benchmarks.parts import PARTS
from benchmarks.results import Result
from ops.settings import REPOSITORY

#: What runs unless a part is named; the rest takes too long.
SHORT = tuple(name for name in PARTS if not name.endswith("_long"))
PLOTTING_PYTHON = REPOSITORY / ".venv-bench" / "bin" / "python"


def run(name: str) -> None:
    """Run one part and keep what it measured."""
    print(f"{name} …", flush=True)
    described = machine.describe()
    started = time.monotonic()
    data = PARTS[name].measure()
    Result(
        part=name,
        command=f"make bench PART={name}",
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        took_seconds=round(time.monotonic() - started, 1),
        machine=described,
        data=data,
    ).save()
    print(f"✓ {name} ({time.monotonic() - started:.0f} s)", flush=True)


def main() -> int:
    """Run the parts that are asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    choices = ("all", "none", *PARTS)
    parser.add_argument("--part", choices=choices, default="all", help="none writes the README")
    part = parser.parse_args().part
    for name in SHORT if part == "all" else () if part == "none" else (part,):
        run(name)
    # The library that draws is kept apart from what everybody installs.
    plots = [str(PLOTTING_PYTHON), "-m", "benchmarks.plots"]
    subprocess.run(plots, cwd=REPOSITORY, check=True)
    readme.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
