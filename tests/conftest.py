"""Fixtures that the tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ops.settings import REPOSITORY
from tests.support.platform import Platform

if TYPE_CHECKING:
    from tests.flows.article_publishing.support.publishing import Publishing

pytest_plugins = [
    "tests.support.plugins.cases",
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
    platform = Platform.new(REPOSITORY / ".local" / f"test-{name}")
    # For what Terraform calls then; the emulator sends no mail.
    platform.more = {"TF_VAR_alarm_receivers": '["operations@example.com"]'}
    try:
        platform.demo = platform.make("demo")
        assert platform.demo.code == 0, platform.demo.text
        yield platform
    finally:
        down = platform.make("down")
        assert down.code == 0, down.text


@pytest.fixture(scope="session")
def publishing() -> Iterator[Publishing]:
    """The article publishing in an environment of its own, once for all tests."""
    from tests.flows.article_publishing.support.publishing import running_publishing

    name = os.environ.get("PYTEST_XDIST_WORKER", "test")
    with running_publishing(REPOSITORY / ".local" / f"test-{name}-publishing") as publishing:
        yield publishing
