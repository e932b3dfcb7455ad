"""Removing what a smoke test's lead wrote: those rows, and never a person's."""

from __future__ import annotations

from typing import Any

import pymysql
import pytest

from crm.remove_synthetic import NotSynthetic, handler
from tests.flows.crm_registration.support.database import CrmDatabase
from tests.support.functions import LambdaContext

NOBODY = "000123456-0"
PERSON = "9891283-0"


def register(database: CrmDatabase, rut: str) -> None:
    server = database.server
    server.execute(
        "INSERT INTO CLIENTS (name, lastname, rut, mail, phone) VALUES ('a', 'b', %s, 'c', '1')",
        rut,
    )
    server.execute("INSERT INTO PARTNERS (rut, store) VALUES (%s, 'x'), (%s, 'y')", rut, rut)
    server.execute("INSERT INTO BENEFIT (rut, wantsBenefit) VALUES (%s, 1)", rut)


def rows(database: CrmDatabase) -> list[str]:
    return [
        row["rut"]
        for table in ("CLIENTS", "PARTNERS", "BENEFIT")
        for row in database.server.execute(f"SELECT rut FROM {table}")
    ]


def test_the_rows_of_the_lead_are_removed_and_told(database_environment: CrmDatabase) -> None:
    register(database_environment, NOBODY)
    register(database_environment, "000999999-0")
    register(database_environment, PERSON)

    assert handler({"rut": NOBODY}, LambdaContext()) == {"CLIENTS": 1, "PARTNERS": 2, "BENEFIT": 1}

    assert NOBODY not in rows(database_environment)
    assert rows(database_environment).count("000999999-0") == 4
    assert rows(database_environment).count(PERSON) == 4
    assert handler({"rut": NOBODY}, LambdaContext()) == {"CLIENTS": 0, "PARTNERS": 0, "BENEFIT": 0}


@pytest.mark.parametrize(
    "event",
    [
        *({"rut": rut} for rut in (PERSON, "000123456-0' OR '1'='1", "000%", "", None, 7)),
        {},
        None,
        [NOBODY],
        NOBODY,
    ],
)
def test_what_could_be_a_persons_rut_is_refused(
    database_environment: CrmDatabase, event: Any
) -> None:
    register(database_environment, PERSON)

    with pytest.raises(NotSynthetic, match="must begin with 000"):
        handler(event, LambdaContext())

    assert rows(database_environment).count(PERSON) == 4


def test_the_functions_user_cannot_delete_a_person(crm_database: CrmDatabase) -> None:
    register(crm_database, PERSON)

    with pytest.raises(pymysql.MySQLError):
        crm_database.open().transaction(lambda cursor: cursor.execute("DELETE FROM CLIENTS"))
    crm_database.open().transaction(lambda cursor: cursor.execute("DELETE FROM SYNTHETIC_CLIENTS"))

    assert rows(crm_database).count(PERSON) == 4
