"""The database that the library's tests read and write."""

from __future__ import annotations

import pytest

from ops.local.database import Credentials
from tests.support.mariadb import MariaDB, ServedDatabase

USER = Credentials("library_tests", "first-password")


@pytest.fixture(scope="session")
def items(mariadb: MariaDB) -> ServedDatabase:
    """A database with one table, in which every name is there once at most."""
    mariadb.execute(
        "CREATE TABLE ITEMS (id BIGINT AUTO_INCREMENT PRIMARY KEY, "
        "name VARCHAR(12) NOT NULL UNIQUE) ENGINE = InnoDB"
    )
    mariadb.execute(f"CREATE USER {USER.username}@'%%' IDENTIFIED BY %s", USER.password)
    mariadb.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ITEMS TO {USER.username}@'%'")
    return ServedDatabase(mariadb, USER)


@pytest.fixture
def empty(items: ServedDatabase) -> ServedDatabase:
    """The database, its table empty."""
    items.server.execute("DELETE FROM ITEMS")
    return items
