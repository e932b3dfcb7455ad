"""Fixtures that the tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ops.local.demo import demo_of
from ops.settings import REPOSITORY
from tests.support.flows import flow_of_path, part_of, parts
from tests.support.platform import Platform

# The first example of a fresh clone builds tables of Unicode, which takes a busy machine seconds.
settings.register_profile("tests", settings(), suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

pytest_plugins = [
    "tests.support.plugins.cases",
    "tests.support.plugins.flows",
    "tests.support.plugins.functions",
    "tests.support.plugins.groups",
    "tests.support.plugins.kinds",
    "tests.support.plugins.terraform",
    "tests.support.plugins.times",
]


@pytest.fixture(scope="session")
def shared_environment() -> Iterator[Callable[[str], Platform]]:
    """Return a shared environment by its name, brought up once by ``make demo`` as a user would.

    Each has a part of the flows, so several test processes can work at once.
    """
    # A folder for each test process, should several be asked for it after all.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "test")
    with ExitStack() as stack:

        @cache
        def environment(name: str) -> Platform:
            return stack.enter_context(up(f"test-{worker}-{name}", parts().get(name, {})))

        yield environment


@contextmanager
def up(name: str, flows: Mapping[str, Any]) -> Iterator[Platform]:
    """Bring an environment up for a while."""
    platform = Platform.new(REPOSITORY / ".local" / name, flows)
    # For what Terraform calls then; the emulator sends no mail.
    platform.more = {"TF_VAR_alarm_receivers": '["operations@example.com"]'}
    has_demo = any(demo_of(flow) for flow in flows)
    try:
        for command in ("demo",) if has_demo else ("up", "bootstrap", "release", "apply"):
            platform.demo = platform.make(command)
            assert platform.demo.code == 0, platform.demo.text
        yield platform
    finally:
        down = platform.make("down")
        assert down.code == 0, down.text


@pytest.fixture(scope="module")
def platform(
    request: pytest.FixtureRequest, shared_environment: Callable[[str], Platform]
) -> Platform:
    """The shared environment that has the flow which the module tests, or the first one."""
    return shared_environment(part_of(flow_of_path(request.path)))
