"""CatchErrors against moto: the queue's message and the bus's event afterwards."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from crm_registration.catch_errors import handler
from flowbridge import bus
from flowbridge.catch_errors import MAX_MESSAGE_BYTES, UNSENDABLE
from flowbridge.errors import ConfigurationError
from ops.recovery.marks import marked
from tests.support.functions import LEAD, LambdaContext, logged, personal_data_in

EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:flowbridge-local-crm-registration:one"
EVENT: dict[str, Any] = {
    "id": "event-1",
    "source": "kranio.event.crm",
    "detail-type": "CRM Registration ",
    "detail": LEAD | {"name": "Íñigo 🦊", "campaign": ["spring"]},
}
CAUSE = "create_partner returned 409: The partner already exists with another store"
FAILURE: dict[str, Any] = {
    "event": EVENT,
    "execution": EXECUTION,
    "failedState": "CreatePartner",
    "error": {
        "Error": "CrmRejected",
        "Cause": json.dumps({"errorMessage": CAUSE, "errorType": "CrmRejected", "stackTrace": []}),
    },
}


class Surroundings:
    """The queue of failed leads, and a queue that receives the bus's events."""

    def __init__(self, aws: Callable[[str], Any]) -> None:
        self._sqs, events = aws("sqs"), aws("events")
        self.url = self._sqs.create_queue(QueueName="failed-leads")["QueueUrl"]
        self._heard = self._sqs.create_queue(QueueName="heard")["QueueUrl"]
        events.create_event_bus(Name="bus")
        pattern = {"source": ["flowbridge.crm_registration"]}
        events.put_rule(Name="all", EventBusName="bus", EventPattern=json.dumps(pattern))
        arn = self._sqs.get_queue_attributes(QueueUrl=self._heard, AttributeNames=["QueueArn"])
        target = {"Id": "heard", "Arn": arn["Attributes"]["QueueArn"]}
        events.put_targets(Rule="all", EventBusName="bus", Targets=[target])

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages of the failed-leads queue."""
        return self._receive(self.url)

    def events(self) -> list[dict[str, Any]]:
        """Return the events that the bus delivered."""
        return [json.loads(message["Body"]) for message in self._receive(self._heard)]

    def _receive(self, url: str) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return list(answer.get("Messages", []))


@pytest.fixture
def surroundings(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """The environment of the function: its queue and its bus."""
    made = Surroundings(aws)
    monkeypatch.setenv("FAILED_QUEUE_URL", made.url)
    monkeypatch.setenv("EVENT_BUS_NAME", "bus")
    return made


def test_the_event_is_kept_whole_with_its_error(surroundings: Surroundings) -> None:
    before = datetime.now(UTC)
    result = handler(FAILURE, LambdaContext())

    [message] = surroundings.messages()
    body = json.loads(message["Body"])
    failed_at = datetime.fromisoformat(body.pop("failedAt"))
    assert body == {
        "version": 1,
        "flow": "crm_registration",
        "failedState": "CreatePartner",
        "error": {"name": "CrmRejected", "cause": CAUSE},
        "execution": EXECUTION,
        "event": EVENT,
    }
    assert -1 < (failed_at - before).total_seconds() < 60
    attributes = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
    assert attributes == {"errorName": "CrmRejected", "failedState": "CreatePartner"}
    assert result == {
        "messageId": message["MessageId"],
        "failedState": "CreatePartner",
        "error": "CrmRejected",
        "cause": CAUSE,
        "told": True,
    }


def test_the_bus_is_told_without_personal_data(surroundings: Surroundings) -> None:
    handler(FAILURE, LambdaContext())

    [event] = surroundings.events()
    assert (event["source"], event["detail-type"]) == (
        "flowbridge.crm_registration",
        "CRM Registration Failed",
    )
    assert event["detail"] == {
        "execution": EXECUTION,
        "failedState": "CreatePartner",
        "error": "CrmRejected",
        "eventId": "event-1",
    }


def test_the_log_marks_the_execution_once_its_event_is_queued(
    surroundings: Surroundings, logs: list[logging.LogRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operators' commands read the mark instead of the execution's history."""
    handler(FAILURE, LambdaContext())
    [line] = logged(logs, logging.INFO).splitlines()
    assert marked(line) == EXECUTION
    logs.clear()

    monkeypatch.setenv("FAILED_QUEUE_URL", surroundings.url + "-missing")
    with pytest.raises(ClientError):
        handler(FAILURE, LambdaContext())

    assert [marked(line) for line in logged(logs).splitlines()] == []


def test_no_personal_data_is_logged(
    surroundings: Surroundings, logs: list[logging.LogRecord]
) -> None:
    handler(FAILURE, LambdaContext())

    assert '"error": "CrmRejected", "failed_state": "CreatePartner"' in logged(logs)
    assert personal_data_in(logged(logs)) == []


@pytest.mark.parametrize(
    ("cause", "kept"),
    [
        ("The function took too long", "The function took too long"),
        ('{"errorMessage": "said so", "errorType": "X"}', "said so"),
        ('{"errorMessage": null}', '{"errorMessage": null}'),
        ('{"reason": "none"}', '{"reason": "none"}'),
        ('["errorMessage"]', '["errorMessage"]'),
        ("[" * 20_000, "[" * 20_000),
        ("", ""),
        (None, ""),
        ({"why": ["none"]}, '{"why":["none"]}'),
    ],
)
def test_a_cause_of_any_form_is_kept(cause: Any, kept: str, surroundings: Surroundings) -> None:
    handler(FAILURE | {"error": {"Error": "States.Timeout", "Cause": cause}}, LambdaContext())

    [message] = surroundings.messages()
    assert json.loads(message["Body"])["error"] == {"name": "States.Timeout", "cause": kept}


@pytest.mark.parametrize(
    "failure",
    [
        {},
        {"event": EVENT},
        {"event": EVENT, "error": None, "failedState": "", "execution": None},
        {"event": EVENT, "error": {}},
        {"event": EVENT, "error": "broken", "failedState": 7},
        {"event": ["no event"]},
    ],
)
def test_what_there_is_is_kept(failure: dict[str, Any], surroundings: Surroundings) -> None:
    handler(failure, LambdaContext())

    [message] = surroundings.messages()
    body = json.loads(message["Body"])
    assert body["event"] == failure.get("event")
    assert (body["error"], body["failedState"]) == ({"name": "Unknown", "cause": ""}, "Unknown")
    assert len(surroundings.events()) == 1


@pytest.mark.parametrize(
    "name", ["Camila \ud83e", "Camila \uffff", "\ufffe", "\x00\x1b[31m\x7f\x9b"]
)
def test_a_character_that_no_queue_takes_does_not_lose_the_lead(
    name: str, surroundings: Surroundings
) -> None:
    event = EVENT | {"detail": {"name": name, "🦊": "é"}}
    error = {"Error": name, "Cause": name}

    handler(FAILURE | {"event": event, "error": error, "failedState": name}, LambdaContext())

    [message] = surroundings.messages()
    body = json.loads(message["Body"])
    assert (body["event"], body["error"]["cause"]) == (event, name)
    texts = [message["Body"], *(a["StringValue"] for a in message["MessageAttributes"].values())]
    assert [text for text in texts if re.search(UNSENDABLE, text)] == []
    assert "🦊" in message["Body"], "only what must be is escaped"


def test_an_event_of_many_small_things_does_not_grow(surroundings: Surroundings) -> None:
    """Blanks between them would make the message larger than the event was."""
    event = EVENT | {"detail": {"marks": [1] * 120_000}}

    handler(FAILURE | {"event": event}, LambdaContext())

    [message] = surroundings.messages()
    assert len(message["Body"]) < MAX_MESSAGE_BYTES


def test_a_long_cause_does_not_lose_the_lead(surroundings: Surroundings) -> None:
    failure = FAILURE | {"error": {"Error": "CrmRejected", "Cause": "é" * MAX_MESSAGE_BYTES}}

    handler(failure, LambdaContext())

    [message] = surroundings.messages()
    body = json.loads(message["Body"])
    assert len(message["Body"].encode()) < MAX_MESSAGE_BYTES
    assert body["event"] == EVENT
    assert body["error"] == {"name": "CrmRejected", "cause": "é" * 1000}


@pytest.mark.parametrize("event", [None, EVENT | {"id": "1-2", "detail": "x" * MAX_MESSAGE_BYTES}])
def test_an_event_without_room_is_named(event: Any, surroundings: Surroundings) -> None:
    handler(FAILURE | {"event": event, "execution": f"{EXECUTION[:-3]}1-2_3-4"}, LambdaContext())

    [message], [told] = surroundings.messages(), surroundings.events()
    body = json.loads(message["Body"])
    assert (body["event"], body["eventId"]) == (None, "1-2")
    assert body["execution"] == f"{EXECUTION[:-3]}1-2_3-4"
    assert told["detail"]["eventId"] == "1-2"


@pytest.mark.parametrize(
    "outcome",
    [
        # The answer of PutEvents is a success even when no event was taken.
        {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]},
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutEvents"),
        ReadTimeoutError(endpoint_url="https://events"),
    ],
    ids=["refuses", "denies", "is silent"],
)
def test_an_event_is_kept_once_although_the_bus_cannot_be_told(
    outcome: Any,
    surroundings: Surroundings,
    monkeypatch: pytest.MonkeyPatch,
    logs: list[logging.LogRecord],
) -> None:
    """An error would have both repeated: a message for each try, and an execution that is stuck."""

    class Bus:
        def put_events(self, **_: Any) -> Any:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    monkeypatch.setattr(bus, "client", lambda _: Bus())

    result = handler(FAILURE, LambdaContext())

    [message] = surroundings.messages()
    assert (result["messageId"], result["told"]) == (message["MessageId"], False)
    assert "could not publish the failure of an execution" in logged(logs)
    assert EXECUTION in logged(logs)
    assert personal_data_in(logged(logs)) == []


def test_what_could_not_be_undone_is_told(surroundings: Surroundings) -> None:
    handler(FAILURE | {"notUndone": ["CreateClient"]}, LambdaContext())

    [message] = surroundings.messages()
    assert json.loads(message["Body"])["notUndone"] == ["CreateClient"]


def test_the_queue_is_missing(surroundings: Surroundings, aws: Callable[[str], Any]) -> None:
    aws("sqs").delete_queue(QueueUrl=surroundings.url)

    with pytest.raises(aws("sqs").exceptions.QueueDoesNotExist):
        handler(FAILURE, LambdaContext())

    assert surroundings.events() == []


def test_the_queue_is_not_known(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAILED_QUEUE_URL")

    with pytest.raises(ConfigurationError, match=r"variable FAILED_QUEUE_URL is not set"):
        handler(FAILURE, LambdaContext())


def test_the_bus_is_not_known(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch, logs: list[logging.LogRecord]
) -> None:
    monkeypatch.delenv("EVENT_BUS_NAME")

    assert handler(FAILURE, LambdaContext())["told"] is False
    assert len(surroundings.messages()) == 1
    assert "variable EVENT_BUS_NAME is not set" in logged(logs)
