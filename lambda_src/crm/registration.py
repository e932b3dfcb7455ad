"""Write one row exactly once, even for repeated requests; the row names the execution that did."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pymysql

from flowbridge.database import DUPLICATE_ENTRY, DatabaseUnavailable

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

Row = dict[str, Any]


class Table(NamedTuple):
    """A table for leads.

    `key` has the columns of its unique key; `row` converts a validated request body to a row.
    """

    name: str
    noun: str
    key: tuple[str, ...]
    row: Callable[[dict[str, Any]], Row]


class Outcome(NamedTuple):
    """The result of a registration: created, or exists, with the columns that differ."""

    created: bool
    differing: tuple[str, ...] = ()


def register(cursor: Cursor, table: Table, row: Row, execution: str | None = None) -> Outcome:
    """Insert a row, unless its key exists.

    The row names the execution that inserted it, so that the reconciliation finds it without
    reading the execution's output.

    The unique key detects duplicates, not a query before the insert, so two concurrent requests
    cannot both insert. A row with the same key and other data is unchanged: a late event must not
    overwrite newer data.

    Raises
    ------
    DatabaseUnavailable
        When the existing row is deleted before it is read.
    pymysql.MySQLError
        For any other error of the database.
    """
    columns = list(row)
    names = ", ".join(columns)
    placeholders = ", ".join(["%s"] * (len(columns) + 1))
    # The statements have only names from this code; values are parameters.
    insert = f"INSERT INTO {table.name} ({names}, execution) VALUES ({placeholders})"  # noqa: S608
    try:
        cursor.execute(insert, [*row.values(), execution])
    except pymysql.err.IntegrityError as error:
        if error.args[0] != DUPLICATE_ENTRY:
            raise
    else:
        return Outcome(created=True)
    condition = " AND ".join(f"{column} = %s" for column in table.key)
    select = f"SELECT {names} FROM {table.name} WHERE {condition}"  # noqa: S608
    cursor.execute(select, [row[column] for column in table.key])
    values = cursor.fetchone()
    if values is None:
        raise DatabaseUnavailable(f"a row of {table.name} was deleted before it was compared")
    stored = dict(zip(columns, values, strict=True))
    return Outcome(
        created=False,
        differing=tuple(column for column in columns if stored[column] != row[column]),
    )


CLIENTS = Table(
    name="CLIENTS",
    noun="client",
    key=("rut",),
    row=lambda body: {
        "name": body["name"],
        "lastname": body["lastname"],
        "rut": body["rut"],
        "mail": body["mail"],
        "phone": str(body["phone"]),
    },
)
PARTNERS = Table(
    name="PARTNERS",
    noun="partner",
    key=("rut", "store"),
    row=lambda body: {"rut": body["rut"], "store": body["store"]},
)
BENEFIT = Table(
    name="BENEFIT",
    noun="benefit",
    key=("rut",),
    row=lambda body: {"rut": body["rut"], "wantsBenefit": int(body["wantsBenefit"])},
)

TABLES = {table.name: table for table in (CLIENTS, PARTNERS, BENEFIT)}

#: Views with only the rows of smoke tests, whose RUT begins with 000.
SYNTHETIC_VIEWS = {name: f"SYNTHETIC_{name}" for name in TABLES}
