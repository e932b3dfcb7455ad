"""The flows that are tested, and flows by what they are for."""

from __future__ import annotations

import os
from typing import Any

from ops.flows import hooks_of
from ops.new_flow import flow_folders
from ops.settings import LOCAL, REPOSITORY
from ops.terraform.environments import Environment
from tests.support.expectations import Expectations, expectations_of
from tests.support.platform import Platform
from tests.support.running import RunningFlow

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


def shared() -> dict[str, Any]:
    """Return the settings of the flows of the environment that tests share, by name.

    A flow that is tested alone is there without being active, unless it has its own environment.
    """
    settings = Environment.named(LOCAL).variables["flows"]
    names = [chosen()] if chosen() else sorted(settings)
    return {
        name: settings.get(name, {})
        for name in names
        if expectations_of(name).own_environment is None
    }


def with_own_environment() -> list[str]:
    """Return the tested flows that run in an environment of their own."""
    return [name for name, expected in all_expectations().items() if expected.own_environment]


def flow_with(hook: str, environment: str = LOCAL) -> str:
    """Return the first flow of an environment that has a hook, such as ``smoke``."""
    found = [name for name in active(environment) if getattr(hooks_of(name), hook)]
    assert found, f"{environment} has no flow with the hook {hook}"
    return found[0]


def flow_in(platform: Platform, name: str) -> RunningFlow:
    """Return a flow of the environment that tests share."""
    return expectations_of(name).running.on(platform, name=name)
