"""Hostile events and requests to the functions themselves, against a real database."""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm import (
    count_rows,
    create_benefit_back,
    create_client_back,
    create_partner_back,
    remove_synthetic,
)
from crm.count_rows import InvalidKeys
from crm.lead import load_schema
from crm.remove_synthetic import NotSynthetic
from crm_registration import catch_errors, put_lead, receive_lead
from crm_registration.crm_service import CRMService
from crm_registration.errors import CrmRejected, CrmUnavailable, InvalidLead
from flowbridge.catch_errors import MAX_MESSAGE_BYTES, UNSENDABLE
from flowbridge.secret import Secret
from ops.recovery.dead_letters import FAILED, UNDELIVERED, parse
from tests.flows.crm_registration.support.database import TABLES, CrmDatabase
from tests.flows.crm_registration.support.reference import REFERENCE, expected
from tests.support.functions import FIELDS, LEAD, LambdaContext, proxy_event
from tests.support.hostile import (
    attempt,
    bodies,
    cases,
    check_log,
    json_values,
    leaked,
    loose_json,
    objects,
    scalars,
    strict_json,
    texts,
    values,
)

HANDLERS = {
    "create_client": create_client_back.handler,
    "create_partner": create_partner_back.handler,
    "create_benefit": create_benefit_back.handler,
}
TABLE = {"create_client": "CLIENTS", "create_partner": "PARTNERS", "create_benefit": "BENEFIT"}
#: The driver's own, for the tests' queries, which are not watched.
EXECUTE = pymysql.cursors.Cursor.execute
NOTED = ("request rejected", "request served")
#: Everything that the functions may say to the database, values left out.
STATEMENTS = re.compile(
    r"INSERT INTO (?P<t>[A-Z]+) \((?P<c>[A-Za-z, ]+)\) VALUES \((%s, )*%s\)"
    r"|SELECT ([A-Za-z, ]+|COUNT\(\*\)) FROM [A-Z]+ WHERE [a-z]+ = %s( AND [a-z]+ = %s)*"
    r"|SET SESSION sql_mode = '[A-Z_,]+', innodb_lock_wait_timeout = \d+, lock_wait_timeout = \d+"
    r"|DELETE FROM SYNTHETIC_[A-Z]+ WHERE rut = %s"
)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that the functions gave the database's driver, before it put values in."""
    found: list[str] = []

    def noted(self: Any, query: str, args: Any = None) -> int:
        found.append(query)
        return EXECUTE(self, query, args)

    monkeypatch.setattr("pymysql.cursors.Cursor.execute", noted)
    return found


class Counter:
    """Counts the rows of the tables, on a connection of its own."""

    def __init__(self, database: CrmDatabase) -> None:
        self._connection = database.server.connect(database.server.root)
        self._connection.autocommit(True)

    def __call__(self) -> dict[str, int]:
        """Return how many rows each table has."""
        sums = ", ".join(f"(SELECT COUNT(*) FROM {table}) AS {table}" for table in TABLES)
        return {k: int(v) for k, v in self.one(f"SELECT {sums}").items()}

    def one(self, query: str) -> dict[str, Any]:
        """Return the only row of a query."""
        with self._connection.cursor(pymysql.cursors.DictCursor) as cursor:
            EXECUTE(cursor, query)
            row: dict[str, Any] = cursor.fetchone() or {}
            return row

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


@pytest.fixture
def count(database_environment: CrmDatabase) -> Iterator[Counter]:
    """The count of the rows."""
    counter = Counter(database_environment)
    yield counter
    counter.close()


@cases(120)
@given(endpoint=st.sampled_from(sorted(HANDLERS)), data=st.data())
def test_a_request(
    endpoint: str,
    data: st.DataObject,
    count: Counter,
    statements: list[str],
    logs: list[logging.LogRecord],
) -> None:
    text = data.draw(bodies(FIELDS[endpoint]))
    event = proxy_event(text, headers=data.draw(st.dictionaries(texts, texts, max_size=3)))
    if data.draw(st.integers(0, 9)) == 0:
        coded = base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()
        event |= {"isBase64Encoded": True, "body": data.draw(st.just(coded) | texts)}
        text = text if event["body"] == coded else ""
    before = count()

    response = HANDLERS[endpoint](event, LambdaContext())

    good = expected(endpoint, text)
    status = response["statusCode"]
    assert status in ((200, 201, 409) if good else (400,))
    answer = json.loads(response["body"])
    assert set(answer) == {"success", "message"}
    assert answer["success"] is (status < 300)
    assert response["headers"] == {"Content-Type": "application/json"}
    changed = {table: n - before[table] for table, n in count().items() if n != before[table]}
    assert changed == ({TABLE[endpoint]: 1} if status == 201 else {})
    assert [query for query in statements if not STATEMENTS.fullmatch(query)] == []
    statements.clear()
    sent = [text, good or loose_json(text)]
    assert leaked(response["body"], *sent) == []
    assert {record.getMessage() for record in logs} <= set(NOTED)
    check_log(logs, *sent)


@cases(40)
@given(event=st.dictionaries(st.sampled_from(["body", "isBase64Encoded", "headers"]), values))
def test_a_broken_proxy_event(
    event: dict[str, Any], count: Counter, logs: list[logging.LogRecord]
) -> None:
    before = count()

    for handler in HANDLERS.values():
        assert handler(event, LambdaContext())["statusCode"] == 400

    assert count() == before
    check_log(logs, event)


@cases(120)
@given(
    envelope=st.dictionaries(texts, json_values, max_size=3),
    detail=objects(load_schema()["properties"]),
)
def test_an_event_of_the_bus(
    envelope: dict[str, Any],
    detail: dict[str, Any],
    database_environment: CrmDatabase,
    logs: list[logging.LogRecord],
) -> None:
    """Every endpoint accepts what ReceiveLead accepts; a refusal does not quote the lead."""
    event = {**envelope, "id": "event-1", "detail": detail}
    lead, refusal = attempt(lambda: receive_lead.handler(event, LambdaContext()), InvalidLead)
    if refusal:
        assert leaked(str(refusal), detail) == []
        check_log(logs, detail)
        return

    assert REFERENCE["lead"].is_valid(lead)
    assert receive_lead.handler({"detail": lead}, LambdaContext()) == lead
    strict_json(json.dumps(lead, ensure_ascii=False))
    for endpoint, fields in FIELDS.items():
        body = {name: lead[name] for name in fields}
        assert HANDLERS[endpoint](proxy_event(body), LambdaContext())["statusCode"] < 410
        assert HANDLERS[endpoint](proxy_event(body), LambdaContext())["statusCode"] != 400
    check_log(logs, detail)


@cases(60)
@given(event=values | st.dictionaries(st.sampled_from(["detail", "id"]), values))
def test_no_event_at_all(event: Any, logs: list[logging.LogRecord]) -> None:
    with pytest.raises(InvalidLead) as refusal:
        receive_lead.handler(event, LambdaContext())

    assert leaked(str(refusal.value), event) == []
    check_log(logs, event)


class Services:
    """The queue and the bus, with the rules by which AWS refuses what it is given."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []

    def send_message(self, **message: Any) -> dict[str, str]:
        """Take a message."""
        attributes = [item["StringValue"] for item in message["MessageAttributes"].values()]
        for text in (message["MessageBody"], *attributes):
            assert isinstance(text, str)
            assert text
            assert not re.search(UNSENDABLE, text)
        self.messages.append(message)
        return {"MessageId": "m"}

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """Take an event."""
        [entry] = Entries
        entry["Detail"].encode()
        self.events.append(strict_json(entry["Detail"]))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "event-2"}]}


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    """Fakes of the AWS services that CatchErrors and PutLead call."""
    services = Services()
    for module in ("catch_errors", "bus"):
        monkeypatch.setattr(f"flowbridge.{module}.client", lambda _: services)
    monkeypatch.setenv("FAILED_QUEUE_URL", "queue")
    monkeypatch.setenv("EVENT_BUS_NAME", "bus")
    return services


errors = st.dictionaries(st.sampled_from(["Error", "Cause"]), json_values | texts)
arns = st.just("arn:aws:states:us-east-1:000000000000:execution:machine:one")


@cases(100)
@given(
    event=json_values | st.builds(dict, id=st.just("event-1"), detail=json_values),
    rest=st.fixed_dictionaries(
        {}, optional={"failedState": json_values, "error": errors | json_values, "execution": arns}
    ),
)
def test_what_failed(
    event: Any, rest: dict[str, Any], services: Services, logs: list[logging.LogRecord]
) -> None:
    """Whatever fails is kept as it was, and an operator's command can read it."""
    services.messages.clear()
    services.events.clear()

    catch_errors.handler({"event": event, **rest}, LambdaContext())

    [message] = services.messages
    body = json.loads(message["MessageBody"])
    assert body["event"] == event
    assert len(message["MessageBody"].encode()) <= MAX_MESSAGE_BYTES
    letter = parse(FAILED, {"MessageId": "m", "ReceiptHandle": "r", "Body": message["MessageBody"]})
    assert letter.event == event
    assert len(services.events) == 1
    detail = event.get("detail") if isinstance(event, dict) else event
    told = leaked(json.dumps(services.events), detail)
    assert set(told) <= set(leaked(json.dumps(rest), detail))
    logs.clear() if rest else check_log(logs, detail)


@cases(60)
@given(body=texts | json_values.map(json.dumps), queue=st.sampled_from([FAILED, UNDELIVERED]))
def test_a_poison_message_is_read(body: str, queue: str) -> None:
    letter = parse(queue, {"MessageId": "m", "ReceiptHandle": "r", "Body": body})

    assert letter.message_id == "m"


@cases(80)
@given(data=st.data())
def test_what_a_page_sends(
    data: st.DataObject, services: Services, logs: list[logging.LogRecord]
) -> None:
    services.events.clear()
    text = data.draw(bodies(load_schema()["properties"]))
    kind = data.draw(st.just("application/json") | texts)
    request = proxy_event(text, headers={"Content-Type": kind})

    response = put_lead.handler(request, LambdaContext())

    good = expected("form", text)
    is_json = kind.partition(";")[0].strip().lower() == "application/json"
    assert response["statusCode"] in (([202] if good else [400, 413]) if is_json else [415])
    assert services.events == ([good] if response["statusCode"] == 202 else [])
    sent = [text, loose_json(text)]
    assert leaked(response["body"], *sent) == []
    check_log(logs, *sent)


@cases(60)
@given(event=values | st.builds(dict, rut=texts | st.from_regex(r"0{2,3}[0-9]{1,6}-[0-9kK]\s?")))
def test_a_removal(
    event: Any, count: Counter, statements: list[str], logs: list[logging.LogRecord]
) -> None:
    """A caller of the function can remove a smoke test's rows and no others."""
    for rut in ("00100000-1", "9891283-0", "000123-K"):
        body = {"rut": rut, "wantsBenefit": True}
        create_benefit_back.handler(proxy_event(body), LambdaContext())
    statements.clear()
    logs.clear()

    _, refusal = attempt(lambda: remove_synthetic.handler(event, LambdaContext()), NotSynthetic)

    assert leaked(str(refusal), event) == []
    left = count.one("SELECT COUNT(*) AS n FROM BENEFIT WHERE rut NOT LIKE '000%'")
    assert left["n"] == 2
    assert [query for query in statements if not STATEMENTS.fullmatch(query)] == []
    check_log(logs, event)


@cases(60)
@given(
    event=values
    | st.fixed_dictionaries(
        {
            "keys": st.dictionaries(
                st.sampled_from(["CLIENTS", "PARTNERS", "BENEFIT"]) | texts,
                st.lists(st.lists(texts, max_size=2), max_size=3) | values,
                max_size=3,
            )
        }
    )
)
def test_a_count(
    event: Any, count: Counter, statements: list[str], logs: list[logging.LogRecord]
) -> None:
    """A caller of the function learns how many rows have a key, and changes nothing."""
    before = count.one("SELECT COUNT(*) AS n FROM CLIENTS")
    statements.clear()
    logs.clear()

    _, refusal = attempt(lambda: count_rows.handler(event, LambdaContext()), InvalidKeys)

    assert leaked(str(refusal), event) == []
    assert count.one("SELECT COUNT(*) AS n FROM CLIENTS") == before
    assert [query for query in statements if not STATEMENTS.fullmatch(query)] == []
    check_log(logs, event)


class Answer:
    """A response of whatever answers at the API's address."""

    def __init__(self, status: int, text: str) -> None:
        self.status_code, self._text = status, text

    def json(self) -> Any:
        """Return its JSON as requests does."""
        import requests

        try:
            return json.loads(self._text)
        except ValueError as error:
            raise requests.JSONDecodeError("no JSON", "", 0) from error

    def post(self, *_: Any, **__: Any) -> Answer:
        """Be the session, too."""
        return self


ANSWERS = (
    texts
    | values.map(json.dumps)
    | st.builds(
        lambda success, message: json.dumps({"success": success, "message": message}),
        scalars,
        values,
    )
)


@cases(60)
@given(status=st.integers(100, 599), text=ANSWERS)
def test_an_answer_of_the_api(status: int, text: str, logs: list[logging.LogRecord]) -> None:
    """A step function ends well only when the API said so, and its errors are the machine's."""
    key = Secret("key", read=lambda _: "k" * 40)
    service = CRMService("http://crm", key, Answer(status, text), (1, 1))  # type: ignore[arg-type]

    _, error = attempt(lambda: service.create_partner(LEAD), CrmRejected, CrmUnavailable)

    if error:
        assert "k" * 40 not in str(error)
        assert len(str(error)) < 300
    else:
        assert status < 300
        assert json.loads(text)["success"] is True
    check_log(logs, LEAD)
