"""PutLead against moto: the events on the bus afterwards, and the answers to the page."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from crm_registration.put_lead import handler
from flowbridge import bus as bus_library
from flowbridge.clients import ATTEMPTS
from flowbridge.request_body import MAX_BODY_BYTES
from tests.support.functions import (
    LEAD,
    LambdaContext,
    logged,
    personal_data_in,
    proxy_event,
)
from tests.support.silent_aws import connections, impatient

WEB = LEAD | {"origin": "web"}


class Bus:
    """The bus, and a queue that hears all that is put on it."""

    def __init__(self, aws: Callable[[str], Any]) -> None:
        self._sqs, events = aws("sqs"), aws("events")
        self._heard = self._sqs.create_queue(QueueName="heard")["QueueUrl"]
        events.create_event_bus(Name="bus")
        pattern = json.dumps({"source": [{"prefix": ""}]})
        events.put_rule(Name="all", EventBusName="bus", EventPattern=pattern)
        found = self._sqs.get_queue_attributes(QueueUrl=self._heard, AttributeNames=["QueueArn"])
        target = {"Id": "heard", "Arn": found["Attributes"]["QueueArn"]}
        events.put_targets(Rule="all", EventBusName="bus", Targets=[target])

    def events(self) -> list[dict[str, Any]]:
        """Return the events that the bus delivered."""
        answer = self._sqs.receive_message(QueueUrl=self._heard, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture
def bus(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Bus:
    """A bus that the function knows."""
    monkeypatch.setenv("EVENT_BUS_NAME", "bus")
    return Bus(aws)


def post(body: Any, content_type: str = "application/json") -> tuple[int, dict[str, Any]]:
    """Send a body, and return the status and the body of the answer."""
    response = handler(proxy_event(body, headers={"content-type": content_type}), LambdaContext())
    assert response["headers"]["Content-Type"] == "application/json"
    assert response["headers"]["Cache-Control"] == "no-store"
    return response["statusCode"], json.loads(response["body"])


def test_a_lead_is_put_on_the_bus_once(bus: Bus, logs: list[logging.LogRecord]) -> None:
    status, answer = post(WEB, "application/json; charset=utf-8")

    assert status == 202
    [event] = bus.events()
    assert answer == {"id": event["id"]}
    assert (event["source"], event["detail-type"]) == ("kranio.event.crm", "CRM Registration")
    assert event["detail"] == WEB
    assert personal_data_in(logged(logs)) == []
    assert event["id"] in logged(logs)


def test_a_lead_gets_its_one_written_form(bus: Bus) -> None:
    typed = {"rut": " 9.891.283-k ", "phone": "+56 9 8374-7263", "name": " I\u0301ñigo 🦊 "}

    assert post(WEB | typed)[0] == 202

    [event] = bus.events()
    detail = {key: event["detail"][key] for key in typed}
    assert detail == {"rut": "9891283-K", "phone": "+56983747263", "name": "Íñigo 🦊"}


def test_each_wrong_field_is_named_with_its_rule(bus: Bus, logs: list[logging.LogRecord]) -> None:
    wrong = {**WEB, "rut": "Camila", "mail": "csaavedra", "wantsBenefit": "yes"}
    del wrong["store"]

    status, answer = post(wrong)

    assert status == 400
    assert answer["fields"] == {
        "rut": "must be digits, a hyphen and a check character, such as 11111111-1. "
        "The check character is not verified",
        "mail": "must be an email address of at most 254 characters",
        "store": "is missing",
        "wantsBenefit": "must be true or false",
    }
    assert bus.events() == []
    assert personal_data_in(logged(logs) + json.dumps(answer)) == []


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("", 400, "the request has no body"),
        ("no json", 400, "the body is not valid JSON"),
        ([WEB], 400, "the body is not a JSON object"),
        ({**WEB, "admin": True}, 400, "unknown field"),
        ("x" * (MAX_BODY_BYTES + 1), 413, "has more than 16384 bytes"),
    ],
)
def test_what_is_no_lead_is_refused(bus: Bus, body: Any, status: int, message: str) -> None:
    found, answer = post(body)

    assert found == status
    assert message in answer["message"]
    assert bus.events() == []


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "text/plain;json"]
)
def test_what_a_foreign_page_could_send_unasked_is_refused(bus: Bus, content_type: str) -> None:
    assert post(WEB, content_type)[0] == 415
    assert handler(proxy_event(WEB), LambdaContext())["statusCode"] == 415
    assert bus.events() == []


def refusing(outcome: Any) -> Callable[[str], Any]:
    """Return a factory of clients of a bus that answers, or raises, the outcome."""

    class Client:
        def put_events(self, **_: Any) -> Any:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    return lambda _: Client()


@pytest.mark.parametrize(
    "outcome",
    [
        {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]},
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "Camila"}}, "PutEvents"),
        ConnectTimeoutError(endpoint_url="https://events"),
    ],
)
def test_a_bus_that_takes_nothing_just_now_says_so(
    monkeypatch: pytest.MonkeyPatch, logs: list[logging.LogRecord], outcome: Any
) -> None:
    monkeypatch.setenv("EVENT_BUS_NAME", "bus")
    monkeypatch.setattr(bus_library, "client", refusing(outcome))

    response = handler(
        proxy_event(WEB, headers={"Content-Type": "application/json"}), LambdaContext()
    )

    assert response["statusCode"] == 503
    assert response["headers"]["Retry-After"] == "5"
    assert personal_data_in(logged(logs) + response["body"]) == []


@pytest.mark.parametrize(
    "outcome",
    [
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "Camila"}}, "PutEvents"),
        RuntimeError("Camila"),
    ],
)
def test_what_only_a_developer_can_mend_fails(
    monkeypatch: pytest.MonkeyPatch, logs: list[logging.LogRecord], outcome: Exception
) -> None:
    monkeypatch.setenv("EVENT_BUS_NAME", "bus")
    monkeypatch.setattr(bus_library, "client", refusing(outcome))

    status, answer = post(WEB)

    assert status == 500
    assert personal_data_in(logged(logs) + json.dumps(answer)) == []


def test_a_function_without_its_bus_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENT_BUS_NAME", raising=False)

    assert post(WEB)[0] == 500


def test_the_page_is_answered_although_the_bus_does_not_answer(
    silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_BUS_NAME", "bus")
    monkeypatch.setattr(bus_library, "client", impatient)
    request = proxy_event(WEB, headers={"content-type": "application/json"})

    response = handler(request, LambdaContext())

    assert (response["statusCode"], response["headers"]["Retry-After"]) == (503, "5")
    assert "Try again later" in json.loads(response["body"])["message"]
    assert connections(silent) == ATTEMPTS
