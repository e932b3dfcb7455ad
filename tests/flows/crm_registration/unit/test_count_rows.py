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
    ],
    ids=lambda event: str(event)[:40],
)
def test_what_is_no_list_of_keys_is_refused(database_environment: CrmDatabase, event: Any) -> None:
    with pytest.raises(InvalidKeys, match="keys"):
        handler(event, LambdaContext())
