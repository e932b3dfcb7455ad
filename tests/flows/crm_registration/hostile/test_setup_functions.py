"""Hostile input to the functions that Terraform invokes: a name, a password, a broken event."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pymysql
import pytest
from hypothesis import example, given, note
from hypothesis import strategies as st

from api_keys import issue
from crm import migrate
from flowbridge.database import DatabaseUnavailable
from flowbridge.errors import ConfigurationError
from tests.flows.crm_registration.support.database import CrmDatabase, secret_of
from tests.support.functions import LambdaContext
from tests.support.hostile import cases, check_log, json_values, texts

OTHERS = "flowbridge-of-somebody-else"
ACTIONS = st.sampled_from(["create", "update", "delete"])
names = texts.filter(lambda text: text != OTHERS)


@cases(15)
@given(
    event=st.fixed_dictionaries(
        {},
        optional={
            "name": names | json_values,
            "generation": json_values,
            "tf": st.fixed_dictionaries(
                {"action": ACTIONS | texts}, optional={"prev_input": json_values}
            ),
        },
    )
)
def test_the_issuer_of_keys(
    event: dict[str, Any], aws: Callable[[str], Any], logs: list[logging.LogRecord]
) -> None:
    """Whatever the request, it reveals no key's value and keeps the keys of others."""
    gateway, manager = aws("apigateway"), aws("secretsmanager")
    plan = gateway.create_usage_plan(name="plan")["id"]
    name = f"key-{plan}"
    secret = manager.create_secret(Name=name)["ARN"]
    if not any(key["name"] == OTHERS for key in gateway.get_api_keys()["items"]):
        gateway.create_api_key(name=OTHERS, value="o" * 40)
    logs.clear()
    asked = {"usage_plan_id": plan, "secret_arn": secret, "name": name, "generation": 1, **event}
    try:
        told = json.dumps(issue.handler(asked, LambdaContext()))
    except Exception as error:  # Terraform shows it; what kind it is does not matter here
        told = f"{error!r} {error.args!r}"

    keys = gateway.get_api_keys(includeValues=True)["items"]
    assert [key["value"] for key in keys if key["name"] == OTHERS] == ["o" * 40]
    values = [key["value"] for key in keys]
    told += "".join(str(vars(record)) for record in logs)
    assert [value for value in values if value in told] == []
    check_log(logs)


#: MariaDB's own limits: a name of 80 characters, no half characters, no NUL.
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=70)
HOSTILE_WORDS = ("' OR '1'='1", "x'@'%' IDENTIFIED BY ''; --", "%s", "\\'", "`", "🦊", "a\nb", '"')


@cases(15)
@given(event=json_values, username=words, password=words)
@example(event=None, username=HOSTILE_WORDS[0], password=HOSTILE_WORDS[1])
@example(event=[], username=HOSTILE_WORDS[1], password=HOSTILE_WORDS[3])
@example(event="x", username=HOSTILE_WORDS[3], password=HOSTILE_WORDS[0])
@example(event={}, username=HOSTILE_WORDS[4], password=HOSTILE_WORDS[2])
def test_the_migration(
    event: Any,
    username: str,
    password: str,
    database_environment: CrmDatabase,
    secrets: dict[str, str],
    logs: list[logging.LogRecord],
) -> None:
    """Whatever its name, the user can log in and do no more; its password is not revealed."""
    # A password that is a part of the code's own words would be found by chance.
    password = f"{password}-7f3a9c"
    server = database_environment.server
    before = grants(server)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_SECRET", "hostile")
        patch.setenv("DATABASE_ADMIN_SECRET", "administrator")
        secrets["administrator"] = secret_of(server.administrator).text()
        secrets["hostile"] = json.dumps({"username": username, "password": password})
        try:
            migrate.handler(event, LambdaContext())
            told = ""
        except (pymysql.MySQLError, ConfigurationError, DatabaseUnavailable) as error:
            told = repr(error)
            note(told)
    try:
        after = grants(server)
        assert {user: after[user] for user in before} == before
        assert set(after) - set(before) <= {username}
        assert "Unavailable" not in told, (username, password)
        assert password not in told
        assert password not in str([vars(record) for record in logs])
        check_log(logs)
        if not told:
            connection = pymysql.connect(
                host=server.host,
                port=server.port,
                user=username,
                password=password.encode(),
                database=server.name,
                charset="utf8mb4",
            )
            with connection.cursor() as cursor:
                cursor.execute("SELECT COUNT(*) FROM CLIENTS")
                with pytest.raises(pymysql.MySQLError):
                    cursor.execute("DROP TABLE CLIENTS")
            connection.close()
    finally:
        for user in set(grants(server)) - set(before):
            server.execute("DROP USER %s@'%%'", user)


def grants(server: Any) -> dict[str, Any]:
    """Return the users of a server with all that is kept of each."""
    rows = server.execute("SELECT User, Priv FROM mysql.global_priv WHERE Host = '%%'")
    return {row["User"]: row["Priv"] for row in rows}
