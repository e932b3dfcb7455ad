"""Tell which rows are there, so that operators can compare them with what the bus accepted.

The database is private, so whoever reconciles asks this function. It reads, and only what it is
asked for by the whole key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm.endpoint import database
from crm.registration import TABLES, Table
from flowbridge.logs import get_logger

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

log = get_logger("crm_api")

#: Of all tables together; the rest is for the next call.
MOST_KEYS = 3000


class InvalidKeys(Exception):  # noqa: N818
    """What is asked for is no list of keys."""


def handler(event: Any, _context: object) -> dict[str, list[int]]:
    """Count the rows of each key.

    Parameters
    ----------
    event
        ``keys``: by table, lists of the values of its key's columns, such as
        ``{"PARTNERS": [["11111111-1", "est_central"]]}``; `MOST_KEYS` at most.

    Returns
    -------
    dict
        By table, how many rows have each key, in the order of the keys.

    Raises
    ------
    InvalidKeys
        When it asks for something else.
    DatabaseUnavailable
        When the database cannot be reached.
    """
    wanted = _checked(event)

    def work(cursor: Cursor) -> dict[str, list[int]]:
        return {
            name: [_count(cursor, TABLES[name], key) for key in keys]
            for name, keys in wanted.items()
        }

    counts = database().transaction(work)
    log.info("rows counted", extra={"keys": {name: len(keys) for name, keys in wanted.items()}})
    return counts


def _checked(event: Any) -> dict[str, list[list[str]]]:
    wanted = event.get("keys") if isinstance(event, dict) else None
    if not isinstance(wanted, dict) or not wanted.keys() <= TABLES.keys():
        raise InvalidKeys(f"keys must be an object of {', '.join(TABLES)}")
    for name, keys in wanted.items():
        columns = TABLES[name].key
        if not isinstance(keys, list) or not all(_is_key(key, len(columns)) for key in keys):
            raise InvalidKeys(f"keys.{name} must be a list of lists of texts: {', '.join(columns)}")
    if sum(map(len, wanted.values())) > MOST_KEYS:
        raise InvalidKeys(f"keys may be {MOST_KEYS} at most; ask for the others in another call")
    return wanted


def _is_key(key: Any, length: int) -> bool:
    return isinstance(key, list) and len(key) == length and all(isinstance(v, str) for v in key)


def _count(cursor: Cursor, table: Table, key: list[str]) -> int:
    condition = " AND ".join(f"{column} = %s" for column in table.key)
    # Only names of the code stand in the statement; values are parameters.
    cursor.execute(f"SELECT COUNT(*) FROM {table.name} WHERE {condition}", key)  # noqa: S608
    row = cursor.fetchone()
    return int(row[0]) if row else 0
