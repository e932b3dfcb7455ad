"""Fixtures that the flow's tests share."""

from __future__ import annotations

import pytest

from tests.flows.crm_registration.support.fixtures import (
    crm_database,
    database_environment,
    fresh_functions,
    migrated,
)
from tests.flows.crm_registration.support.registration import Registration
from tests.support.platform import Platform

__all__ = ["crm_database", "database_environment", "fresh_functions", "migrated"]


@pytest.fixture(scope="module")
def platform(platform: Platform) -> Registration:
    """The flow in the shared environment."""
    return Registration.on(platform)
