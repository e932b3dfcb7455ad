"""Time commands as whole processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class CommandFailed(Exception):  # noqa: N818
    """A command that was to be timed did not work; the message holds the end of its output."""


def timed(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Run a command to its end, and return how many seconds that took.

    Raises
    ------
    CommandFailed
        When it fails: its time would say nothing.
    """
    started = time.perf_counter()
    result = subprocess.run(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    took = time.perf_counter() - started
    if result.returncode != 0:
        raise CommandFailed(f"'{' '.join(command)}' failed:\n{result.stdout[-2000:]}")
    return took
