"""A batch of messages: each is done, tried again, or set aside with its error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowbridge.queue_batch import Consumer
from tests.support.functions import LambdaContext, logged


class Refused(Exception):  # noqa: N818  as the flows name theirs
    """An error that the message causes."""


def batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"id of {body}", "body": body} for body in bodies]}


def handle(body: str) -> None:
    if body == "bad":
        raise Refused("the message is bad")
    if body == "unlucky":
        raise TimeoutError


@pytest.fixture
def dead_letters(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that reads the dead letters."""
    url = aws("sqs").create_queue(QueueName="dead")["QueueUrl"]
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", url)

    def read() -> list[tuple[str, dict[str, str]]]:
        answer = aws("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return [
            (m["Body"], {k: v["StringValue"] for k, v in m["MessageAttributes"].items()})
            for m in answer.get("Messages", [])
        ]

    return read


def test_each_message_succeeds_or_fails_by_itself(dead_letters: Callable[[], Any]) -> None:
    report = Consumer(handle, permanent=(Refused,))(
        batch("good", "unlucky", "bad", "fine"), LambdaContext()
    )

    assert report == {"batchItemFailures": [{"itemIdentifier": "id of unlucky"}]}
    assert dead_letters() == [("bad", {"errorName": "Refused", "errorCause": "the message is bad"})]


def test_a_message_that_cannot_be_set_aside_is_tried_again(
    dead_letters: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEAD_LETTER_QUEUE_URL")

    report = Consumer(handle, permanent=(Refused,))(batch("bad"), LambdaContext())

    assert report == {"batchItemFailures": [{"itemIdentifier": "id of bad"}]}


def test_a_message_that_could_not_end_in_time_does_not_begin() -> None:
    begun: list[str] = []

    report = Consumer(begun.append, seconds=10)(batch("late"), LambdaContext(remaining_seconds=5))

    assert begun == []
    assert report == {"batchItemFailures": [{"itemIdentifier": "id of late"}]}


def test_the_log_has_no_word_of_a_message(caplog: pytest.LogCaptureFixture) -> None:
    def fail(body: str) -> None:
        raise ValueError(body)

    Consumer(fail)({"Records": [{"messageId": "1", "body": "secret word"}]}, LambdaContext())

    assert "message failed" in logged(caplog.records)
    assert "secret word" not in logged(caplog.records)
