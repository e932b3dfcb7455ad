"""The functions' database, for the tests of the flow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crm import endpoint, migrate
from crm_registration.crm_service import crm_service
from flowbridge.database import Database, Location
from ops.local.database import Credentials
from tests.flows.crm_registration.support.database import TABLES, CrmDatabase, secret_of
from tests.support.mariadb import MariaDB


@pytest.fixture
def fresh_functions() -> Iterator[None]:
    """Functions that keep nothing from another test, as after a cold start."""
    # A test may put something else in its place.
    database = endpoint.database
    crm_service.cache_clear()
    database.cache_clear()
    yield
    crm_service.cache_clear()
    if database.cache_info().currsize:
        database().close()
    database.cache_clear()


@pytest.fixture(scope="session")
def migrated(mariadb: MariaDB) -> CrmDatabase:
    """The server's database with the newest schema and the functions' user."""
    user = Credentials("crm_application", "first-password")
    location = Location(mariadb.host, mariadb.port, mariadb.name)
    administrator = Database(location, secret_of(mariadb.administrator))
    application = Database(location, secret_of(user))

    def work(cursor: Any) -> None:
        migrate.migrate(cursor, migrate.read_migrations(migrate.FOLDER))
        migrate.prepare_user(cursor, application, location.name, user.username, user.password)

    administrator.transaction(work)
    administrator.close()
    application.close()
    return CrmDatabase(mariadb, user)


@pytest.fixture
def crm_database(migrated: CrmDatabase) -> CrmDatabase:
    """The migrated database, its tables empty."""
    for table in TABLES:
        migrated.server.execute(f"DELETE FROM {table}")
    return migrated


@pytest.fixture
def database_environment(
    crm_database: CrmDatabase,
    secrets: dict[str, str],
    fresh_functions: None,
    monkeypatch: pytest.MonkeyPatch,
) -> CrmDatabase:
    """The environment of a backend function: its variables, its secret, its database."""
    secrets["application"] = secret_of(crm_database.user).text()
    monkeypatch.setenv("DATABASE_HOST", crm_database.server.host)
    monkeypatch.setenv("DATABASE_PORT", str(crm_database.server.port))
    monkeypatch.setenv("DATABASE_NAME", crm_database.server.name)
    monkeypatch.setenv("DATABASE_SECRET", "application")
    return crm_database
