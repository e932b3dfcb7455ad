"""The endpoints against a real database: what is written, what is answered, what is logged."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import pymysql
import pytest

from crm import create_benefit_back, create_client_back, create_partner_back, endpoint
from crm.registration import CLIENTS, Outcome, register
from flowbridge.errors import ConfigurationError, SecretUnavailable
from tests.flows.crm_registration.support.database import CrmDatabase
from tests.support.functions import (
    LEAD,
    LambdaContext,
    body_of,
    logged,
    personal_data_in,
    proxy_event,
)

HANDLERS: dict[str, Callable[[dict[str, Any], object], dict[str, Any]]] = {
    "create_client": create_client_back.handler,
    "create_partner": create_partner_back.handler,
    "create_benefit": create_benefit_back.handler,
}
TABLE = {"create_client": "CLIENTS", "create_partner": "PARTNERS", "create_benefit": "BENEFIT"}
NOUN = {"create_client": "client", "create_partner": "partner", "create_benefit": "benefit"}
ROW: dict[str, dict[str, Any]] = {
    "create_client": {
        "name": "Camila",
        "lastname": "Saavedra",
        "rut": "9891283-0",
        "mail": "csaavedra@micorreo.com",
        "phone": "56983747263",
    },
    "create_partner": {"rut": "9891283-0", "store": "est_central"},
    "create_benefit": {"rut": "9891283-0", "wantsBenefit": 0},
}
#: 64 characters before the @, and a domain of labels of 63: a mail may have 254 in all.
LONGEST_MAIL = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 58}.cl"

every_endpoint = pytest.mark.parametrize("name", HANDLERS)


def post(name: str, body: Any, **changes: Any) -> tuple[int, dict[str, Any]]:
    """Call an endpoint as API Gateway does, and return the status and the answer."""
    response = HANDLERS[name](proxy_event(body, **changes), LambdaContext("request-7"))
    assert response["headers"]["Content-Type"] == "application/json"
    answer = json.loads(response["body"])
    assert set(answer) == {"success", "message"}
    assert answer["success"] is (response["statusCode"] < 300)
    return response["statusCode"], answer


@every_endpoint
def test_a_row_is_written_once(name: str, database_environment: CrmDatabase) -> None:
    first = post(name, body_of(name))
    again = post(name, body_of(name))

    assert first == (201, {"success": True, "message": f"The {NOUN[name]} was created"})
    assert again == (200, {"success": True, "message": f"The {NOUN[name]} already exists"})
    assert database_environment.rows(TABLE[name]) == [ROW[name]]


@every_endpoint
def test_a_row_names_the_execution_that_wrote_it(
    name: str, database_environment: CrmDatabase
) -> None:
    def executions() -> list[Any]:
        rows = database_environment.server.execute(f"SELECT execution FROM {TABLE[name]}")
        return [row["execution"] for row in rows]

    first = post(name, body_of(name), headers={"X-Execution": "event-1_run-1"})
    again = post(name, body_of(name), headers={"x-execution": "event-2_run-1"})

    assert (first[0], again[0]) == (201, 200)
    assert executions() == ["event-1_run-1"]


@pytest.mark.parametrize("header", ["", "two words", "a" * 81, "ñ", 7, "x'; DROP TABLE CLIENTS"])
def test_a_header_that_names_no_execution_is_refused(
    header: Any, database_environment: CrmDatabase
) -> None:
    status, answer = post(
        "create_benefit", body_of("create_benefit"), headers={"x-execution": header}
    )

    assert (status, "header x-execution" in answer["message"]) == (400, True)
    assert database_environment.rows("BENEFIT") == []


def test_the_time_of_a_row_is_now(database_environment: CrmDatabase) -> None:
    post("create_client", body_of("create_client"))

    [row] = database_environment.server.execute(
        "SELECT TIMESTAMPDIFF(SECOND, created_at, NOW()) AS age FROM CLIENTS"
    )
    assert 0 <= row["age"] < 60


def test_other_data_under_the_same_key_is_refused(database_environment: CrmDatabase) -> None:
    post("create_client", body_of("create_client"))

    status, answer = post(
        "create_client", body_of("create_client", mail="other@example.cl", phone="+56983747263")
    )

    assert status == 409
    assert answer["message"] == "The client already exists with another mail, phone"
    assert database_environment.rows("CLIENTS") == [ROW["create_client"]]


def test_another_wish_under_the_same_rut_is_refused(database_environment: CrmDatabase) -> None:
    post("create_benefit", body_of("create_benefit"))

    status, answer = post("create_benefit", body_of("create_benefit", wantsBenefit=True))

    assert (status, answer["message"]) == (
        409,
        "The benefit already exists with another wantsBenefit",
    )
    assert database_environment.rows("BENEFIT") == [ROW["create_benefit"]]


def test_a_difference_of_case_or_accent_is_a_difference(database_environment: CrmDatabase) -> None:
    post("create_client", body_of("create_client", name="José"))

    assert post("create_client", body_of("create_client", name="Jose"))[0] == 409
    assert post("create_client", body_of("create_client", name="JOSÉ"))[0] == 409


def test_one_person_may_be_a_partner_of_several_stores(database_environment: CrmDatabase) -> None:
    stores = ["est_central", "EST_CENTRAL", "maipú", "maipu"]

    statuses = [post("create_partner", body_of("create_partner", store=s))[0] for s in stores]

    assert statuses == [201] * 4
    assert [row["store"] for row in database_environment.rows("PARTNERS")] == stores


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (56983747263, "56983747263"),
        ("56983747263", "56983747263"),
        ("+56 9 8374-7263", "+56983747263"),
        (56983747263.0, "56983747263"),
        (100000, "100000"),
        (999999999999999, "999999999999999"),
    ],
)
def test_a_phone_is_stored_as_its_digits(
    sent: object, stored: str, database_environment: CrmDatabase
) -> None:
    assert post("create_client", body_of("create_client", phone=sent))[0] == 201
    assert database_environment.rows("CLIENTS")[0]["phone"] == stored
    assert post("create_client", body_of("create_client", phone=stored))[0] == 200


def test_texts_are_stored_in_their_one_form(database_environment: CrmDatabase) -> None:
    composed = body_of("create_client", name="Íñigo", rut="12345678-K")
    loose = body_of("create_client", name="  I\u0301n\u0303igo\n", rut=" 12.345.678-k ")

    assert post("create_client", loose)[0] == 201
    assert post("create_client", composed)[0] == 200
    [row] = database_environment.rows("CLIENTS")
    assert (row["name"], row["rut"]) == ("Íñigo", "12345678-K")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "🦊", "lastname": "李小龍"},
        {"name": "🦊" * 100, "lastname": "ñ" * 100},
        {"name": "Robert'); DROP TABLE CLIENTS;--", "lastname": '\\" %s %(x)s'},
        {"mail": LONGEST_MAIL},
        {"mail": "o'brien+crm@correo.example.cl"},
        {"phone": "+" + "9" * 15, "rut": "999999999-9"},
    ],
)
def test_unusual_values_come_back_as_they_were_sent(
    changes: dict[str, str], database_environment: CrmDatabase
) -> None:
    assert len(LONGEST_MAIL) == 254

    assert post("create_client", body_of("create_client", **changes))[0] == 201
    assert post("create_client", body_of("create_client", **changes))[0] == 200

    [row] = database_environment.rows("CLIENTS")
    assert row == ROW["create_client"] | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "name: must have 1 to 100 characters"),
        ({"name": " \t\n"}, "name: must have 1 to 100 characters"),
        ({"name": "x" * 101}, "name: must have 1 to 100 characters"),
        ({"lastname": None}, "lastname: must have 1 to"),
        ({"rut": "9891283"}, "rut: must be digits, a hyphen and a check character"),
        ({"rut": "9891283-0\n1"}, "rut: must be digits"),
        ({"rut": "٩٨٩١٢٨٣-0"}, "rut: must be digits"),
        ({"rut": 98912830}, "rut: must be digits"),
        ({"phone": True}, "phone: must be an integer or a string of 6 to 15 digits"),
        ({"phone": 5.5}, "phone: must be an integer"),
        ({"phone": 10**15}, "phone: must be an integer"),
        ({"phone": -56983747263}, "phone: must be an integer"),
        ({"phone": "call me"}, "phone: must be an integer"),
        ({"phone": ["56983747263"]}, "phone: must be an integer"),
        ({"mail": "csaavedra"}, "mail: must be an email address of at most 254 characters"),
        ({"mail": "csaavedra@micorreo"}, "mail: must be an email address"),
        ({"mail": "a" + LONGEST_MAIL}, "mail: must be an email address"),
        ({"mail": LONGEST_MAIL.replace(".cl", ".clx")}, "mail: must be an email address"),
        ({"mail": "a@b.cl\r\nBcc: c@d.cl"}, "mail: must be an email address"),
        ({"origin": "app"}, "unknown field; the known fields are name"),
    ],
)
def test_a_body_that_breaks_a_rule_is_refused(
    changes: dict[str, Any],
    message: str,
    database_environment: CrmDatabase,
    logs: list[logging.LogRecord],
) -> None:
    status, answer = post("create_client", body_of("create_client", **changes))

    assert status == 400
    assert answer["message"].startswith(f"create_client: {message}")
    assert database_environment.rows("CLIENTS") == []
    assert message in logged(logs)
    assert personal_data_in(answer["message"]) == personal_data_in(logged(logs)) == []


@pytest.mark.parametrize(("name", "field"), [(n, f) for n, row in ROW.items() for f in row])
def test_every_field_is_required(name: str, field: str, database_environment: CrmDatabase) -> None:
    body = body_of(name)
    del body[field]

    assert post(name, body) == (400, {"success": False, "message": f"{name}: {field} is missing"})
    assert database_environment.rows(TABLE[name]) == []


@pytest.mark.parametrize("wish", ["true", 1, 0, None, "no"])
def test_a_wish_is_true_or_false(wish: object, database_environment: CrmDatabase) -> None:
    status, answer = post("create_benefit", body_of("create_benefit", wantsBenefit=wish))

    assert (status, answer["message"]) == (
        400,
        "create_benefit: wantsBenefit: must be true or false",
    )
    assert database_environment.rows("BENEFIT") == []


@every_endpoint
def test_a_body_that_is_no_json_is_refused(name: str, database_environment: CrmDatabase) -> None:
    assert post(name, "{")[0] == 400
    assert database_environment.rows(TABLE[name]) == []


def test_no_personal_data_is_logged(
    database_environment: CrmDatabase, logs: list[logging.LogRecord]
) -> None:
    for changes in ({}, {}, {"name": "Camilo"}, {"mail": "csaavedra"}):
        post("create_client", body_of("create_client", **changes))

    lines = logged(logs)
    assert lines.count('"request_id": "request-7"') == 4
    assert personal_data_in(lines) == []


class TestWhenTheDatabaseFails:
    """Every failure is an answer, and the next request is not harmed by it."""

    @pytest.fixture
    def server(self, database_environment: CrmDatabase) -> CrmDatabase:
        return database_environment

    def test_it_is_away(self, server: CrmDatabase, logs: list[logging.LogRecord]) -> None:
        assert post("create_client", body_of("create_client"))[0] == 201
        server.server.stop()
        try:
            event = proxy_event(body_of("create_client"))
            response = create_client_back.handler(event, LambdaContext())
        finally:
            server.server.start()

        assert response["statusCode"] == 503
        assert response["headers"]["Retry-After"] == "5"
        assert json.loads(response["body"]) == {
            "success": False,
            "message": "The database is unavailable. Try again later.",
        }
        assert personal_data_in(logged(logs)) == []
        assert post("create_client", body_of("create_client"))[0] == 200

    def test_the_kept_connection_died(self, server: CrmDatabase) -> None:
        assert post("create_partner", body_of("create_partner"))[0] == 201
        server.server.stop()
        server.server.start()

        assert post("create_partner", body_of("create_partner", store="maipu"))[0] == 201

    def test_it_is_read_only(self, server: CrmDatabase) -> None:
        server.server.execute("SET GLOBAL read_only = 1")
        try:
            assert post("create_client", body_of("create_client"))[0] == 503
        finally:
            server.server.execute("SET GLOBAL read_only = 0")
        assert post("create_client", body_of("create_client"))[0] == 201

    def test_a_row_is_locked_too_long(
        self, server: CrmDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        impatient = server.open(lock_seconds=1)
        monkeypatch.setattr(endpoint, "database", lambda: impatient)
        other = server.server.connect(server.user)
        try:
            other.begin()
            other.cursor().execute(
                "INSERT INTO PARTNERS (rut, store) VALUES ('9891283-0', 'est_central')"
            )
            assert post("create_partner", body_of("create_partner"))[0] == 503
        finally:
            other.close()
        assert post("create_partner", body_of("create_partner"))[0] == 201
        impatient.close()

    def test_something_unforeseen(self, server: CrmDatabase, logs: list[logging.LogRecord]) -> None:
        server.server.execute("RENAME TABLE CLIENTS TO CLIENTS_AWAY")
        try:
            status, answer = post("create_client", body_of("create_client"))
        finally:
            server.server.execute("RENAME TABLE CLIENTS_AWAY TO CLIENTS")

        assert status == 500
        assert answer["message"] == "The request failed. The function's log has the reason."
        [record] = [r for r in logs if r.levelno == logging.ERROR]
        line = json.loads(logged([record]))
        assert (line["request_id"], line["error"]) == ("request-7", "ProgrammingError")
        assert line["code"] == 1146
        assert any("registration.py" in frame for frame in line["stack"])
        assert personal_data_in(logged(logs)) == []
        assert post("create_client", body_of("create_client"))[0] == 201

    def test_a_column_does_not_take_the_value(
        self, server: CrmDatabase, logs: list[logging.LogRecord]
    ) -> None:
        """MariaDB quotes the value in this error, and would store 0 if it were not strict."""
        server.server.execute("SET GLOBAL sql_mode = ''")
        server.server.execute("ALTER TABLE CLIENTS MODIFY name INT NOT NULL")
        try:
            status, answer = post("create_client", body_of("create_client"))
        finally:
            server.server.execute("ALTER TABLE CLIENTS MODIFY name VARCHAR(100) NOT NULL")
            server.server.execute("SET GLOBAL sql_mode = DEFAULT")

        assert status == 500
        assert server.rows("CLIENTS") == []
        assert "'Camila'" in logged(logs, above=0)
        assert personal_data_in(answer["message"] + logged(logs)) == []

    def test_another_rule_of_the_table_is_broken(self, server: CrmDatabase) -> None:
        """Only a row with the same key is a row that exists already."""
        connection = server.server.connect(server.user)
        row = CLIENTS.row(LEAD) | {"mail": None}
        with pytest.raises(pymysql.err.IntegrityError, match="1048"):
            register(connection.cursor(), CLIENTS, row)
        connection.close()

    def test_its_password_is_rotated(self, server: CrmDatabase, secrets: dict[str, str]) -> None:
        assert post("create_client", body_of("create_client"))[0] == 201
        user = server.user.username
        secrets["application"] = json.dumps({"username": user, "password": "second-password"})
        server.server.execute(f"ALTER USER {user}@'%' IDENTIFIED BY 'second-password'")
        endpoint.database().close()
        try:
            assert post("create_client", body_of("create_client"))[0] == 200
        finally:
            server.server.execute(f"ALTER USER {user}@'%%' IDENTIFIED BY %s", server.user.password)


class TestWhenTheFunctionIsDeployedWrongly:
    """The caller learns nothing; the log says what to fix."""

    def test_a_variable_is_missing(
        self,
        database_environment: CrmDatabase,
        monkeypatch: pytest.MonkeyPatch,
        logs: list[logging.LogRecord],
    ) -> None:
        monkeypatch.delenv("DATABASE_HOST")

        status, answer = post("create_client", body_of("create_client"))

        assert (status, answer["message"]) == (
            500,
            "The request failed. The function's log has the reason.",
        )
        assert "The environment variable DATABASE_HOST is not set" in logged(logs)

    def test_the_secret_is_missing(
        self,
        database_environment: CrmDatabase,
        monkeypatch: pytest.MonkeyPatch,
        logs: list[logging.LogRecord],
    ) -> None:
        def missing(secret_id: str) -> str:
            raise ConfigurationError(f"the secret {secret_id} cannot be read")

        monkeypatch.setattr("flowbridge.secret.read_secret", missing)

        assert post("create_client", body_of("create_client"))[0] == 500
        assert "the secret application cannot be read" in logged(logs)

    def test_secrets_manager_is_away(
        self, database_environment: CrmDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(_: str) -> str:
            raise SecretUnavailable("Secrets Manager did not respond")

        monkeypatch.setattr("flowbridge.secret.read_secret", away)

        assert post("create_client", body_of("create_client"))[0] == 503


class TestAtTheSameTime:
    """The unique key decides between requests, so none of them fails and none writes twice."""

    def test_many_of_one_lead(self, crm_database: CrmDatabase) -> None:
        count = 8
        start, outcomes = threading.Barrier(count), []

        def one() -> None:
            database = crm_database.open()
            start.wait()
            outcomes.append(database.transaction(lambda c: register(c, CLIENTS, CLIENTS.row(LEAD))))
            database.close()

        threads = [threading.Thread(target=one) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcome.created for outcome in outcomes) == [False] * 7 + [True]
        assert all(outcome.differing == () for outcome in outcomes)
        assert crm_database.rows("CLIENTS") == [ROW["create_client"]]

    @pytest.mark.parametrize(("commits", "created"), [(True, False), (False, True)])
    def test_one_waits_for_the_other(
        self, commits: bool, created: bool, crm_database: CrmDatabase
    ) -> None:
        first = crm_database.server.connect(crm_database.user)
        first.begin()
        register(first.cursor(), CLIENTS, CLIENTS.row(LEAD))
        outcomes: list[Outcome] = []

        def second() -> None:
            database = crm_database.open()
            outcomes.append(database.transaction(lambda c: register(c, CLIENTS, CLIENTS.row(LEAD))))
            database.close()

        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        assert outcomes == []
        first.commit() if commits else first.rollback()
        thread.join(5)
        first.close()

        assert outcomes == [Outcome(created=created)]
        assert len(crm_database.rows("CLIENTS")) == 1
