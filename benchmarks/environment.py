"""A separate local environment for the benchmarks, started and stopped by each part."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.commands import CommandFailed
from ops.settings import FLOWS_VARIABLE, LOCAL, REPOSITORY
from ops.terraform.environments import Environment
from tests.support.platform import FLOW, Platform

FOLDER = REPOSITORY / ".local" / "bench"


@contextmanager
def bootstrapped(settings: Mapping[str, Any] | None = None) -> Iterator[Platform]:
    """Yield an environment that has the account's buckets and a release, but is not applied.

    `settings` replace those of the CRM registration.
    """
    platform = Platform.new(FOLDER)
    if settings:
        flows = Environment(LOCAL).variables["flows"]
        flows = {**flows, FLOW: {**flows[FLOW], **settings}}
        platform.more[FLOWS_VARIABLE] = json.dumps(flows)
    try:
        for step in ("up", "bootstrap", "release"):
            command(platform, step)
        yield platform
    finally:
        command(platform, "down")


@contextmanager
def applied(settings: Mapping[str, Any] | None = None) -> Iterator[Platform]:
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
