"""Count rows by key, so that operators can reconcile them with the events that the bus accepted.

Operators cannot reach the private database, so they invoke this function. It only reads, and finds
rows only by their complete key, or by the execution that wrote them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm.endpoint import database
from crm.registration import TABLES, Table
from flowbridge.logs import get_logger

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

log = get_logger("crm_api")

#: Most keys per call, of all tables together, and most executions.
MAX_KEYS = 3000


class InvalidKeys(Exception):  # noqa: N818
    """The event has no valid lists of keys, and no valid list of executions."""


def handler(event: Any, _context: object) -> dict[str, Any]:
    """Count the rows of each key, or return which executions wrote all of their rows.

    Parameters
    ----------
    event
        ``keys``: for each table, the values of its key columns, such as
        ``{"PARTNERS": [["11111111-1", "est_central"]]}``; at most `MAX_KEYS`. Or ``executions``:
        names, at most `MAX_KEYS`.

    Returns
    -------
    dict
        Of ``keys``, for each table, the number of rows of each key, in the order of the keys. Of
        ``executions``, ``complete``: those that wrote a row of every table which is there still,
        the only one of its key.

    Raises
    ------
    InvalidKeys
        When ``keys`` or ``executions`` is not valid.
    DatabaseUnavailable
        When the database is unreachable.
    """
    if isinstance(event, dict) and "executions" in event:
        return _complete(_validated_names(event["executions"]))
    keys_by_table = _validated(event.get("keys") if isinstance(event, dict) else None)

    def work(cursor: Cursor) -> dict[str, list[int]]:
        return {
            name: [_count(cursor, TABLES[name], key) for key in keys]
            for name, keys in keys_by_table.items()
        }

    counts = database().transaction(work)
    numbers = {name: len(keys) for name, keys in keys_by_table.items()}
    log.info("rows counted", extra={"keys": numbers})
    return counts


def _complete(names: list[str]) -> dict[str, list[str]]:
    def work(cursor: Cursor) -> set[str]:
        found = set(names)
        for table in TABLES.values():
            found &= _of_executions(cursor, table, found)
        return found

    found = database().transaction(work)
    log.info("executions compared", extra={"executions": len(names), "complete": len(found)})
    return {"complete": sorted(found)}


def _of_executions(cursor: Cursor, table: Table, names: set[str]) -> set[str]:
    """Return those executions that wrote a row of the table, the only one of its key."""
    if not names:
        return set()
    same = " AND ".join(f"twin.{column} = own.{column}" for column in table.key)
    placeholders = ", ".join(["%s"] * len(names))
    cursor.execute(
        f"SELECT own.execution FROM {table.name} own WHERE own.execution IN ({placeholders}) "  # noqa: S608
        f"AND NOT EXISTS (SELECT 1 FROM {table.name} twin WHERE {same} AND twin.id <> own.id)",
        sorted(names),
    )
    return {row[0] for row in cursor.fetchall()}


def _validated_names(names: Any) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidKeys("executions must be a list of names")
    if len(names) > MAX_KEYS:
        raise InvalidKeys(
            f"There are more than {MAX_KEYS} executions. Split them into several calls."
        )
    return names


def _validated(keys_by_table: Any) -> dict[str, list[list[str]]]:
    if not isinstance(keys_by_table, dict) or not keys_by_table.keys() <= TABLES.keys():
        raise InvalidKeys(f"keys must be an object with {', '.join(TABLES)}")
    for name, keys in keys_by_table.items():
        columns = TABLES[name].key
        if not isinstance(keys, list) or not all(_is_key(key, len(columns)) for key in keys):
            raise InvalidKeys(f"keys.{name} must be a list of [{', '.join(columns)}] strings")
    if sum(map(len, keys_by_table.values())) > MAX_KEYS:
        raise InvalidKeys(f"There are more than {MAX_KEYS} keys. Split them into several calls.")
    return keys_by_table


def _is_key(key: Any, length: int) -> bool:
    return isinstance(key, list) and len(key) == length and all(isinstance(v, str) for v in key)


def _count(cursor: Cursor, table: Table, key: list[str]) -> int:
    condition = " AND ".join(f"{column} = %s" for column in table.key)
    # The statement has only names from this code; values are parameters.
    cursor.execute(f"SELECT COUNT(*) FROM {table.name} WHERE {condition}", key)  # noqa: S608
    row = cursor.fetchone()
    return int(row[0]) if row else 0
