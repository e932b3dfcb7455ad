"""ReceiveReply: only the contact that was asked changes an incident, and each reply counts once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from incident_notification import receive_reply
from tests.support.functions import LambdaContext

FIRST, SECOND = "+12065550111", "+12065550122"
REGION = "us-east-1"


class Fake:
    """A service that remembers its calls, and fails with `code`."""

    class exceptions:  # noqa: N801  as boto3 names it
        ClientError = ClientError

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.code = ""

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> dict[str, Any]:
            self.calls.append(arguments)
            if self.code:
                raise ClientError({"Error": {"Code": self.code, "Message": ""}}, name)
            return {"MessageId": "m"}

        return call


class World:
    """The two tables, and the services that are called."""

    def __init__(self) -> None:
        self.tables = boto3.client("dynamodb", region_name=REGION)
        self.states, self.sms, self.queue = Fake(), Fake(), Fake()
        for table, key in (("incidents", "incident_id"), ("messages", "message_id")):
            self.tables.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        self.set_status("not_acknowledged")
        self.send("first", FIRST, "not_acknowledged")
        self.send("second", SECOND, "escalation")

    def client(self, service: str) -> Any:
        return {
            "dynamodb": self.tables,
            "stepfunctions": self.states,
            "pinpoint-sms-voice-v2": self.sms,
            "sqs": self.queue,
        }[service]

    def set_status(self, status: str) -> None:
        item = {"incident_id": "unit-1", "incident_stat": status, "double_escalation": "no"}
        self.tables.put_item(TableName="incidents", Item={k: {"S": v} for k, v in item.items()})

    def send(self, message: str, contact: str, asked: str) -> None:
        item = {
            "message_id": message,
            "incident_id": "unit-1",
            "contact": contact,
            "asked": asked,
            "task_token": f"token of {message}",
        }
        self.tables.put_item(TableName="messages", Item={k: {"S": v} for k, v in item.items()})

    @property
    def item(self) -> dict[str, Any]:
        found = self.tables.get_item(TableName="incidents", Key={"incident_id": {"S": "unit-1"}})
        item: dict[str, Any] = found["Item"]
        return item

    @property
    def status(self) -> str:
        status: str = self.item["incident_stat"]["S"]
        return status

    @property
    def woken(self) -> list[str]:
        return [call["taskToken"] for call in self.states.calls]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, value in {
        "YES_WORDS": "yes,ok",
        "NO_WORDS": "no",
        "INCIDENTS_TABLE": "incidents",
        "MESSAGES_TABLE": "messages",
        "MESSAGE_DAYS": "2",
        "SENDER": "phone-1",
        "CONFIGURATION_SET": "set",
        "DEAD_LETTER_QUEUE_URL": "https://sqs/dead",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)
    receive_reply.words.cache_clear()
    with mock_aws():
        found = World()
        monkeypatch.setattr(receive_reply, "client", found.client)
        monkeypatch.setattr("flowbridge.queue_batch.client", found.client)
        yield found


def receive(text: str, origin: str = FIRST, answered: str | None = "first", id: str = "in") -> str:
    body = {"originationNumber": origin, "messageBody": text, "inboundMessageId": id}
    if answered:
        body["previousPublishedMessageId"] = answered
    return receive_reply.receive(json.dumps(body))


@pytest.mark.parametrize("status", ["not_acknowledged", "escalation", "unacknowledged"])
def test_yes_counts_until_somebody_takes_the_incident(world: World, status: str) -> None:
    world.set_status(status)

    assert receive("Yes.") == "acknowledged"

    [confirmation] = world.sms.calls
    [entry] = world.item["history"]["L"]
    assert world.status == "acknowledged"
    assert world.woken == ["token of first"]
    assert confirmation["DestinationPhoneNumber"] == FIRST
    assert entry["M"]["reply"] == {"S": "in"}


def test_a_yes_that_comes_again_confirms_once(world: World) -> None:
    assert [receive("yes") for _ in range(3)] == ["acknowledged"] * 3

    assert len(world.sms.calls) == len(world.item["history"]["L"]) == 1


def test_a_yes_whose_confirmation_failed_confirms_when_it_comes_again(world: World) -> None:
    world.sms.code = "ThrottlingException"
    with pytest.raises(ClientError):
        receive("yes")
    world.sms.code = ""

    assert receive("yes") == "acknowledged"
    assert len(world.sms.calls) == 2
    assert len(world.item["history"]["L"]) == 1


def test_deliveries_at_the_same_time_confirm_once(world: World) -> None:
    """The second one arrives while the first one sends."""
    send = world.sms.__getattr__("send_text_message")
    inner: list[str] = []

    def send_slowly(**arguments: Any) -> Any:
        inner.append(receive("yes"))
        return send(**arguments)

    world.sms.send_text_message = send_slowly  # type: ignore[attr-defined]

    assert receive("yes") == "acknowledged"
    assert inner == ["acknowledged"]
    assert len(world.sms.calls) == 1


def test_a_contact_that_left_gets_no_confirmation(world: World) -> None:
    world.sms.code = "ConflictException"

    assert receive("yes") == "acknowledged"
    assert world.status == "acknowledged"


def test_only_one_contact_takes_an_incident(world: World) -> None:
    world.set_status("escalation")
    receive("yes", SECOND, "second")

    assert receive("yes", FIRST, "first", "late") == "too late"
    assert [one["DestinationPhoneNumber"] for one in world.sms.calls] == [SECOND]


@pytest.mark.parametrize("text", ["No!", "STOP"])
def test_a_decline_escalates(world: World, text: str) -> None:
    assert receive(text) == "declined"

    assert world.status == "escalation"
    assert world.woken == ["token of first"]
    assert world.sms.calls == []


def test_a_decline_of_the_second_contact_is_the_end(world: World) -> None:
    world.set_status("escalation")

    assert receive("no", SECOND, "second") == "declined"
    assert (world.status, world.item["double_escalation"]) == ("escalation", {"S": "yes"})


@pytest.mark.parametrize("status", ["escalation", "acknowledged", "unacknowledged"])
def test_a_late_decline_changes_nothing(world: World, status: str) -> None:
    world.set_status(status)

    assert receive("no") == "too late"
    assert world.status == status


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ({"text": "who is this?"}, "not understood"),
        ({"text": "yes", "origin": SECOND}, "stranger"),
        ({"text": "yes", "origin": "+12069999999"}, "stranger"),
        ({"text": "yes", "answered": "expired"}, "no message"),
        ({"text": "yes", "answered": None}, "no message"),
    ],
)
def test_anything_else_is_ignored(world: World, reply: dict[str, Any], outcome: str) -> None:
    assert receive(**reply) == outcome

    assert world.status == "not_acknowledged"
    assert (world.woken, world.sms.calls) == ([], [])


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_an_execution_that_does_not_wait_is_left_alone(world: World, code: str) -> None:
    world.states.code = code

    assert receive("yes") == "acknowledged"


def test_another_error_of_waking_is_repeated(world: World) -> None:
    world.states.code = "ThrottlingException"

    with pytest.raises(ClientError):
        receive("yes")


def test_a_message_that_is_no_reply_is_set_aside(world: World) -> None:
    batch = {"Records": [{"messageId": "1", "body": "no reply"}]}

    assert receive_reply.handler(batch, LambdaContext()) == {"batchItemFailures": []}
    [letter] = world.queue.calls
    assert letter["MessageAttributes"]["errorName"]["StringValue"] == "InvalidReply"
