"""The flows of an environment, for tests that need one without depending on which it is."""

from __future__ import annotations

from ops.flows import hooks_of
from ops.settings import LOCAL
from ops.terraform.environments import Environment


def active(environment: str = LOCAL) -> list[str]:
    """Return the flows of an environment, sorted by name."""
    return sorted(Environment.named(environment).variables["flows"])


def flow_with(hook: str, environment: str = LOCAL) -> str:
    """Return the first flow of an environment that has a hook, such as ``smoke``."""
    found = [name for name in active(environment) if getattr(hooks_of(name), hook)]
    assert found, f"{environment} has no flow with the hook {hook}"
    return found[0]
