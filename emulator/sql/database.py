"""A DuckDB database for one piece of work of a service, which spills to disk."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator import engines
from emulator.sql.types import literal

MEMORY = "256MB"


class Database:
    """DuckDB, with one thread and bounded memory."""

    def __init__(self, connection: Any, failure: type[Exception]) -> None:
        self._connection = connection
        #: The errors of DuckDB.
        self.failure = failure

    def row(self, query: str) -> tuple[Any, ...]:
        """Return the first row of a query; empty when it has none."""
        return tuple(self._connection.execute(query).fetchone() or ())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return [tuple(row) for row in self._connection.execute(query).fetchall()]


@contextmanager
def database_in(folder: Path) -> Iterator[Database]:
    """Yield a database that spills to a folder.

    Raises
    ------
    EngineMissing
        When setup did not install it.
    """
    engines.use(engines.SQL)
    duckdb = importlib.import_module("duckdb")
    with duckdb.connect() as connection:
        for name, value in (("memory_limit", MEMORY), ("temp_directory", str(folder))):
            connection.execute(f"SET {name} = {literal(value)}")
        connection.execute("SET threads = 1")
        yield Database(connection, duckdb.Error)
