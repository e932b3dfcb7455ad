"""Measure the duration of commands."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class CommandFailed(Exception):  # noqa: N818
    """A measured command failed; the message has the end of its output."""


def timed(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Run a command, and return its duration in seconds.

    Raises
    ------
    CommandFailed
        When it fails, because its duration would be meaningless.
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
