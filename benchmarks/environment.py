"""A separate local environment for the benchmarks, started and stopped by each part."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.commands import CommandFailed
from benchmarks.flows import loaded_flow
from ops.settings import LOCAL, REPOSITORY
from ops.terraform.environments import Environment
from tests.support.flows import flow_in
from tests.support.platform import Platform
from tests.support.running import RunningFlow

FOLDER = REPOSITORY / ".local" / "bench"


@contextmanager
def bootstrapped(settings: Mapping[str, Any] | None = None) -> Iterator[RunningFlow]:
    """Yield an environment that has the account's buckets and a release, but is not applied.

    `settings` replace those of the flow that gets load.
    """
    name = loaded_flow()
    flows = Environment(LOCAL).variables["flows"]
    changed = {**flows, name: {**flows[name], **settings}} if settings else None
    platform = flow_in(Platform.new(FOLDER, changed), name)
    try:
        for step in ("up", "bootstrap", "release"):
            command(platform, step)
        yield platform
    finally:
        command(platform, "down")


@contextmanager
def applied(settings: Mapping[str, Any] | None = None) -> Iterator[RunningFlow]:
    """Yield an environment that is applied; `settings` are those of `bootstrapped`."""
    with bootstrapped(settings) as platform:
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
