"""``make bench [PART=packaging]``: measure, save the results, write the README and the plots."""

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

#: Parts that run by default; the others take too long.
SHORT = tuple(name for name in PARTS if not name.endswith("_long"))
PLOTTING_PYTHON = REPOSITORY / ".venv-bench" / "bin" / "python"


def run(name: str) -> None:
    """Run one part and save its result."""
    print(f"{name} …", flush=True)
    description = machine.describe()
    started = time.monotonic()
    data = PARTS[name].measure()
    Result(
        part=name,
        command=f"make bench PART={name}",
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        took_seconds=round(time.monotonic() - started, 1),
        machine=description,
        data=data,
    ).save()
    print(f"✓ {name} ({time.monotonic() - started:.0f} s)", flush=True)


def main() -> int:
    """Run the selected parts; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    choices = ("all", "none", *PARTS)
    parser.add_argument(
        "--part", choices=choices, default="all", help="none only rewrites the README"
    )
    part = parser.parse_args().part
    for name in SHORT if part == "all" else () if part == "none" else (part,):
        run(name)
    # matplotlib is in its own environment, so that only benchmarks install it.
    plots = [str(PLOTTING_PYTHON), "-m", "benchmarks.plots"]
    subprocess.run(plots, cwd=REPOSITORY, check=True)
    readme.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
