"""The flows that are tested, and flows by what they are for."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from ops.flows import hooks_of
from ops.new_flow import flow_folders
from ops.settings import LOCAL, REPOSITORY
from ops.terraform.environments import STAGES, Environment
from tests.support.expectations import Expectations, expectations_of
from tests.support.platform import Platform
from tests.support.running import RunningFlow

#: The tests of each flow.
OWN = REPOSITORY / "tests" / "flows"
#: The environments that share the flows: more of them would take longer to make than they save.
PARTS = 3
FIRST = f"{LOCAL}-0"
#: Set by the option ``--flow``, for all processes of the run.
CHOSEN_VARIABLE = "FLOWBRIDGE_TESTED_FLOW"


def chosen() -> str:
    """Return the flow that is tested alone, if one is."""
    return os.environ.get(CHOSEN_VARIABLE, "")


def all_expectations() -> dict[str, Expectations]:
    """Return what is expected of each flow that is tested, by its name."""
    names = [chosen()] if chosen() else sorted(flow_folders(REPOSITORY))
    return {name: expectations_of(name) for name in names}


def active(environment: str = LOCAL) -> list[str]:
    """Return the flows of an environment, sorted by name."""
    return sorted(Environment.named(environment).variables["flows"])


def promoted() -> dict[str, Any]:
    """Return the flows that every AWS environment has, for rehearsals of promotions."""
    found = set.intersection(*(set(active(stage)) for stage in STAGES))
    return {name: {} for name in sorted(found)}


def shared() -> dict[str, Any]:
    """Return the settings of the flows of the environment that tests share, by name in their order.

    A flow that is tested alone is there without being active, unless it has its own environment.
    """
    settings = Environment.named(LOCAL).variables["flows"]
    names = [chosen()] if chosen() else [*settings]
    return {
        name: settings.get(name, {})
        for name in names
        if expectations_of(name).own_environment is None
    }


def parts() -> dict[str, dict[str, Any]]:
    """Return the flows of each environment that tests share, by its name.

    The first one is also that of the tests that are about no flow.
    """
    return _parts(chosen())


@cache
def _parts(_: str) -> dict[str, dict[str, Any]]:
    flows = list(shared().items())
    found = [dict(flows[number::PARTS]) for number in range(PARTS)]
    return {f"{LOCAL}-{number}": part for number, part in enumerate(found) if part}


def part_of(flow: str) -> str:
    """Return the name of the shared environment that has a flow, or of the first one."""
    if not flow:
        return FIRST
    return next((name for name, flows in parts().items() if flow in flows), FIRST)


def flow_of_path(path: Path) -> str:
    """Return the flow whose tests a file has; nothing when it is about no flow or all of them."""
    return path.relative_to(OWN).parts[0] if path.is_relative_to(OWN) else ""


def with_own_environment() -> list[str]:
    """Return the tested flows that run in an environment of their own."""
    return [name for name, expected in all_expectations().items() if expected.own_environment]


def flow_with(hook: str, environment: str = LOCAL) -> str:
    """Return the first flow of an environment that has a hook, such as ``smoke``."""
    # In the order in which the commands choose one, too.
    names = Environment.named(environment).variables["flows"]
    found: list[str] = [name for name in names if getattr(hooks_of(name), hook)]
    assert found, f"{environment} has no flow with the hook {hook}"
    return found[0]


def flow_in(platform: Platform, name: str) -> RunningFlow:
    """Return a flow of the environment that tests share."""
    return expectations_of(name).running.on(platform, name=name)
