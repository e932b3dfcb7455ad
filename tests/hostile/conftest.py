"""What the hostile tests share with the unit tests: a real MariaDB, moto, a look at the logs."""

from __future__ import annotations

from tests.unit.conftest import (  # noqa: F401  fixtures
    aws,
    context,
    crm_database,
    database_environment,
    fresh_functions,
    logs,
    mariadb,
    migrated,
    secrets,
)
