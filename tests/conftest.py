"""Fixtures that the tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from ops.local.demo import demo_of
from ops.settings import REPOSITORY
from tests.support.flows import chosen, shared
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
def platform() -> Iterator[Platform]:
    """The whole platform, brought up by ``make demo`` as a newcomer would, once for all tests."""
    # A folder for each test process, should several be asked for it after all.
    name = os.environ.get("PYTEST_XDIST_WORKER", "test")
    flows = shared()
    platform = Platform.new(REPOSITORY / ".local" / f"test-{name}", flows if chosen() else None)
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
