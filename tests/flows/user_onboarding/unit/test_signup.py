"""A sign-up from the door to the state machine: what is taken, and in which form."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.functions import LambdaContext, logged, proxy_event
from user_onboarding import receive_signup, sign_up
from user_onboarding.errors import InvalidSignup
from user_onboarding.signup import short_events, tenants, user_id

BODY = {"tenantId": "acme", "email": "ada@example.com", "name": "Ada"}
SIGNUP = {**BODY, "userId": "ada-1"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of the functions, which read the tenants once."""
    monkeypatch.setenv("TENANTS", "acme,globex")
    monkeypatch.setenv("EVENT_BUS_NAME", "bus")
    for read in (tenants, short_events):
        read.cache_clear()
    yield
    for read in (tenants, short_events):
        read.cache_clear()


@pytest.fixture
def heard(aws: Callable[[str], Any]) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that returns the events that the bus delivered."""
    sqs, events = aws("sqs"), aws("events")
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    events.create_event_bus(Name="bus")
    pattern = {"source": ["flowbridge.signup"], "detail-type": ["UserSignup"]}
    events.put_rule(Name="all", EventBusName="bus", EventPattern=json.dumps(pattern))
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    target = {"Id": "heard", "Arn": arn["QueueArn"]}
    events.put_targets(Rule="all", EventBusName="bus", Targets=[target])

    def delivered() -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    return delivered


def post(body: Any) -> tuple[int, dict[str, Any]]:
    """Send a body; return the status and the body of the answer."""
    request = proxy_event(body, headers={"content-type": "application/json"})
    response = sign_up.handler(request, LambdaContext())
    return response["statusCode"], json.loads(response["body"])


def test_a_signup_is_put_on_the_bus_with_its_tenant_and_the_users_id(
    heard: Callable[[], list[dict[str, Any]]], logs: list[logging.LogRecord]
) -> None:
    status, answer = post(BODY | {"name": " Ada "})

    [event] = heard()
    assert (status, answer) == (202, {"id": event["id"]})
    assert event["detail"] == {**BODY, "userId": user_id("acme", "ada@example.com")}
    assert "ada@example" not in logged(logs)


def test_the_same_address_is_the_same_user_of_one_tenant_only() -> None:
    assert user_id("acme", "ada@example.com") == user_id("acme", "Ada@example.com")
    assert user_id("acme", "ada@example.com") != user_id("globex", "ada@example.com")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tenantId": "nobody"}, "tenantId"),
        ({"tenantId": "acme/../globex"}, "tenantId"),
        ({"tenantId": None}, "tenantId"),
        ({"email": "no address"}, "email"),
        ({"name": " "}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "Ada\r\n2026 ERROR forged"}, "name"),
        ({"name": "Ada\x9b31m"}, "name"),
    ],
)
def test_what_is_wrong_is_refused_by_its_field(
    heard: Callable[[], list[dict[str, Any]]], changes: dict[str, Any], field: str
) -> None:
    status, answer = post(BODY | changes)

    assert status == 400
    assert list(answer["fields"]) == [field]
    assert heard() == []


def test_nobody_chooses_a_users_id(heard: Callable[[], list[dict[str, Any]]]) -> None:
    status, _ = post(SIGNUP)

    assert status == 400
    assert heard() == []


def test_an_event_becomes_a_signup_without_what_nobody_knows() -> None:
    detail = SIGNUP | {"email": " ada@EXAMPLE.com", "admin": True}

    assert receive_signup.handler({"id": "1", "detail": detail}, LambdaContext()) == SIGNUP


@pytest.mark.parametrize(
    "changes",
    [
        {"tenantId": "nobody"},
        {"tenantId": "acme/../globex"},
        {"tenantId": "Acme"},
        {"userId": "../globex/eve"},
        {"userId": "a/b"},
        {"userId": ""},
        {"email": 1},
    ],
)
def test_an_event_that_could_reach_elsewhere_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSignup) as refused:
        receive_signup.handler({"detail": SIGNUP | changes}, LambdaContext())

    [field] = changes
    assert field in str(refused.value)


@pytest.mark.parametrize("event", [None, [], {}, {"detail": None}, {"detail": "x"}])
def test_an_event_without_a_signup_is_refused(event: Any) -> None:
    with pytest.raises(InvalidSignup, match="detail"):
        receive_signup.handler(event, LambdaContext())


SHORT = json.dumps({"tenant": "acme", "address": "{user_id}@example.com", "sources": ["x"]})


def test_an_event_with_a_user_id_only_is_a_signup(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published example: source ``myapp.signup``, detail ``{"user_id": "12345"}``."""
    monkeypatch.setenv("SHORT_EVENTS", SHORT)

    assert receive_signup.handler({"detail": {"user_id": "12345"}}, LambdaContext()) == {
        "tenantId": "acme",
        "userId": "12345",
        "email": "12345@example.com",
        "name": "12345",
    }


@pytest.mark.parametrize(
    ("short", "detail"),
    [
        ("", {"user_id": "12345"}),
        (SHORT, {"user_id": 12345}),
        (SHORT, {"user_id": "../x"}),
        (SHORT, {"user_id": "a@b"}),
        (SHORT, {"user_id": "12345", "tenantId": "globex"}),
    ],
)
def test_another_event_with_a_user_id_is_none(
    monkeypatch: pytest.MonkeyPatch, short: str, detail: dict[str, Any]
) -> None:
    monkeypatch.setenv("SHORT_EVENTS", short)

    with pytest.raises(InvalidSignup):
        receive_signup.handler({"detail": detail}, LambdaContext())
