"""The batches of docs/operations.md move every row once, also when one of them is cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest

from ops.settings import REPOSITORY
from tests.support.mariadb import MariaDB

ROWS, BATCH = 25, 10
PLACEHOLDERS = {
    "<migration>": "double",
    "<table>": "MOVED",
    "<new column>": "doubled",
    "<value>": "COALESCE(doubled, 0) + 2 * amount",
    "LIMIT 1000": f"LIMIT {BATCH}",
}


def documented() -> list[str]:
    """Return the statements of a batch, as the runbook has them."""
    text = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    _, _, chapter = text.partition("## Run a long migration\n")
    match = re.search(r"```sql\n(.+?)```", chapter, flags=re.DOTALL)
    assert match
    sql = match[1]
    for placeholder, value in PLACEHOLDERS.items():
        assert placeholder in sql, placeholder
        sql = sql.replace(placeholder, value)
    return [statement.strip() for statement in sql.split(";") if statement.strip()]


@pytest.fixture
def moved(mariadb: MariaDB) -> Iterator[MariaDB]:
    """A server with a table to migrate, and no progress yet."""
    mariadb.execute("CREATE TABLE MOVED (id INT PRIMARY KEY, amount INT, doubled INT)")
    mariadb.execute(f"INSERT INTO MOVED SELECT 3 * seq, seq, NULL FROM seq_1_to_{ROWS}")
    mariadb.execute("CREATE TABLE BACKFILL_PROGRESS (name VARCHAR(40) PRIMARY KEY, last_id INT)")
    mariadb.execute("INSERT INTO BACKFILL_PROGRESS VALUES ('double', 0)")
    yield mariadb
    mariadb.execute("DROP TABLE MOVED, BACKFILL_PROGRESS")


def run(server: MariaDB, statements: list[str]) -> None:
    """Run statements on a connection of their own, which then ends."""
    connection = pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.administrator.username,
        password=server.administrator.password,
        database=server.name,
    )
    with closing(connection), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_every_row_is_moved_once(moved: MariaDB) -> None:
    *until_commit, commit = documented()
    assert commit == "COMMIT"
    run(moved, [*until_commit, commit])
    # A lost session ends in the middle of a batch.
    run(moved, until_commit)

    for _ in range(ROWS // BATCH + 2):
        run(moved, [*until_commit, commit])

    [progress] = moved.execute("SELECT last_id FROM BACKFILL_PROGRESS")
    assert progress["last_id"] == 3 * ROWS
    wrong = moved.execute("SELECT id FROM MOVED WHERE doubled IS NULL OR doubled <> 2 * amount")
    assert list(wrong) == []
