"""Count the rows of keys for operators: the numbers, and nothing else of the rows."""

from __future__ import annotations

from typing import Any

import pytest

from crm.count_rows import MAX_KEYS, InvalidKeys, handler
from tests.flows.crm_registration.support.database import CrmDatabase
from tests.support.functions import LambdaContext

RUT = "9891283-0"


def test_rows_are_counted_by_their_whole_key(database_environment: CrmDatabase) -> None:
    server = database_environment.server
    server.execute(
        "INSERT INTO CLIENTS (name, lastname, rut, mail, phone) VALUES ('a', 'b', %s, 'c', '1')",
        RUT,
    )
    server.execute("INSERT INTO PARTNERS (rut, store) VALUES (%s, 'x'), (%s, 'y')", RUT, RUT)
    keys = {
        "CLIENTS": [["1-9"], [RUT]],
        "PARTNERS": [[RUT, "x"], [RUT, "z"], [RUT, "y"]],
        "BENEFIT": [[RUT]],
    }

    counts = handler({"keys": keys}, LambdaContext())

    assert counts == {"CLIENTS": [0, 1], "PARTNERS": [1, 0, 1], "BENEFIT": [0]}
    assert handler({"keys": {}}, LambdaContext()) == {}


def test_a_value_is_never_a_part_of_the_statement(database_environment: CrmDatabase) -> None:
    hostile = ["' OR '1'='1", "x'; DROP TABLE CLIENTS; --", "%", "\\"]

    counts = handler({"keys": {"CLIENTS": [[value] for value in hostile]}}, LambdaContext())

    assert counts == {"CLIENTS": [0] * len(hostile)}
    database_environment.server.execute("SELECT 1 FROM CLIENTS LIMIT 1")


def test_an_execution_is_complete_while_each_table_has_its_only_row(
    database_environment: CrmDatabase,
) -> None:
    server = database_environment.server

    def insert(execution: str, rut: str, *tables: str) -> None:
        rows = {
            "CLIENTS": "name = 'a', lastname = 'b', mail = 'c', phone = '1'",
            "PARTNERS": "store = 'x'",
            "BENEFIT": "wantsBenefit = 1",
        }
        for table in tables or rows:
            insert = f"INSERT INTO {table} SET rut = %s, execution = %s, {rows[table]}"
            server.execute(insert, rut, execution)

    insert("whole", "1-9")
    insert("again", "2-7")
    insert("removed", "3-5")
    insert("without_partner", "4-3", "CLIENTS", "BENEFIT")
    server.execute("DELETE FROM BENEFIT WHERE rut = '3-5'")
    names = ["whole", "again", "twin", "removed", "without_partner", "unknown", "' OR '1'='1"]

    # Only without its index could a table hold a lead twice.
    server.execute("ALTER TABLE PARTNERS DROP INDEX uk_partners_rut_store")
    try:
        insert("twin", "2-7", "PARTNERS")
        answer = handler({"executions": names}, LambdaContext())
    finally:
        server.execute("DELETE FROM PARTNERS")
        server.execute("ALTER TABLE PARTNERS ADD UNIQUE KEY uk_partners_rut_store (rut, store)")

    assert answer == {"complete": ["whole"]}
    assert handler({"executions": []}, LambdaContext()) == {"complete": []}


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        [],
        {"keys": None},
        {"keys": {"mysql.user": [["root"]]}},
        {"keys": {"CLIENTS": [RUT]}},
        {"keys": {"CLIENTS": [[7]]}},
        {"keys": {"PARTNERS": [[RUT]]}},
        {"keys": {"CLIENTS": [[RUT]] * (MAX_KEYS + 1)}},
        {"executions": None},
        {"executions": [7]},
        {"executions": {"name": 1}},
        {"executions": ["name"] * (MAX_KEYS + 1)},
    ],
    ids=lambda event: str(event)[:40],
)
def test_what_is_no_list_of_keys_or_executions_is_refused(
    database_environment: CrmDatabase, event: Any
) -> None:
    with pytest.raises(InvalidKeys, match=r"keys|executions"):
        handler(event, LambdaContext())
