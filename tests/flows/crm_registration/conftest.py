"""Fixtures that the flow's tests share."""

from __future__ import annotations

from tests.flows.crm_registration.support.fixtures import (
    crm_database,
    database_environment,
    fresh_functions,
    migrated,
)

__all__ = ["crm_database", "database_environment", "fresh_functions", "migrated"]
