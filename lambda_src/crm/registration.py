"""Write one row, exactly once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pymysql

from flowbridge.database import DUPLICATE_ENTRY, DatabaseUnavailable

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

Row = dict[str, Any]


class Table(NamedTuple):
    """A table that a lead is written to.

    `key` are the columns of its unique key; `row` makes a row of a checked request body.
    """

    name: str
    noun: str
    key: tuple[str, ...]
    row: Callable[[dict[str, Any]], Row]


class Outcome(NamedTuple):
    """What became of a row: written, there already, or there with other data."""

    created: bool
    differing: tuple[str, ...] = ()


def register(cursor: Cursor, table: Table, row: Row) -> Outcome:
    """Insert a row, unless its key is there already.

    The unique key decides, not a look beforehand, so two requests at the same time cannot both
    insert. A row with the same key and other data is left as it is: an event that comes late
    must not overwrite what a newer one wrote.

    Raises
    ------
    DatabaseUnavailable
        When somebody deleted the row in between.
    pymysql.MySQLError
        When the database refuses.
    """
    columns = list(row)
    names = ", ".join(columns)
    places = ", ".join(["%s"] * len(columns))
    # Only names of the code stand in the statements; values are parameters.
    insert = f"INSERT INTO {table.name} ({names}) VALUES ({places})"  # noqa: S608
    try:
        cursor.execute(insert, list(row.values()))
    except pymysql.err.IntegrityError as error:
        if error.args[0] != DUPLICATE_ENTRY:
            raise
    else:
        return Outcome(created=True)
    condition = " AND ".join(f"{column} = %s" for column in table.key)
    select = f"SELECT {names} FROM {table.name} WHERE {condition}"  # noqa: S608
    cursor.execute(select, [row[column] for column in table.key])
    stored = cursor.fetchone()
    if stored is None:
        raise DatabaseUnavailable(f"a row of {table.name} went away while it was compared")
    there = dict(zip(columns, stored, strict=True))
    return Outcome(
        created=False,
        differing=tuple(column for column in columns if there[column] != row[column]),
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

#: Views of the tables that show the rows of smoke tests only: their RUT begins with 000.
SYNTHETIC_VIEWS = {name: f"SYNTHETIC_{name}" for name in TABLES}
