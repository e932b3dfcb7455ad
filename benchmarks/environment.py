"""A separate local environment for the benchmarks, started and stopped by each part."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.commands import CommandFailed
from ops.settings import REPOSITORY
from tests.support.platform import Platform

FOLDER = REPOSITORY / ".local" / "bench"


@contextmanager
def bootstrapped(**variables: str) -> Iterator[Platform]:
    """Yield an environment that has the account's buckets and a release, but is not applied.

    `variables` are values of the root module's variables, as strings.
    """
    platform = Platform.new(FOLDER)
    platform.more |= {f"TF_VAR_{name}": value for name, value in variables.items()}
    try:
        for step in ("up", "bootstrap", "release"):
            command(platform, step)
        yield platform
    finally:
        command(platform, "down")


@contextmanager
def applied(**variables: str) -> Iterator[Platform]:
    """Yield an environment that is applied."""
    with bootstrapped(**variables) as platform:
        command(platform, "apply")
        yield platform


def command(platform: Platform, name: str) -> None:
    """Run one of the operators' commands; build the packages before a release.

    Raises
    ------
    CommandFailed
        When the command fails; the message has the end of its output.
    """
    if name == "release":
        build = [".venv/bin/python", "build/package.py"]
        subprocess.run(build, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    options = [] if name in ("up", "down") else ["--env", "local"]
    run = platform.run(".venv/bin/python", "-m", "ops", name, *options)
    if run.code != 0:
        raise CommandFailed(f"'{name}' failed:\n{run.text[-2000:]}")
