"""Records that a function failed on are read from the stream again, and given to it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.recovery.records import Records
from ops.recovery.redrive import Outcome, Selection

URL = "https://sqs/unread"
FUNCTION = "arn:aws:lambda:us-east-1:1:function:start:live"
STREAM = "arn:aws:dynamodb:us-east-1:1:table/incidents/stream/1"
CREATED = datetime(2026, 11, 30, 12, tzinfo=UTC)


def record(number: int) -> dict[str, Any]:
    return {
        "eventName": "INSERT",
        "dynamodb": {"SequenceNumber": str(number), "ApproximateCreationDateTime": CREATED},
    }


class Aws:
    """A queue with one message, a stream in pages, and a function."""

    def __init__(self) -> None:
        self.body = {
            "requestContext": {"condition": "RetryAttemptsExhausted", "functionArn": FUNCTION},
            "DDBStreamBatchInfo": {
                "shardId": "shard",
                "startSequenceNumber": "9",
                "endSequenceNumber": "11",
                "batchSize": 2,
                "streamArn": STREAM,
            },
        }
        self.pages = [[record(9)], [record(10), record(11), record(12)]]
        self.error = ""
        self.answer: dict[str, Any] = {"Payload": b'{"batchItemFailures": []}'}
        self.invoked: list[Any] = []
        self.deleted: list[str] = []

    def receive_message(self, **_: Any) -> dict[str, Any]:
        if self.deleted or self.invoked or self.error == "empty":
            return {}
        message = {
            "MessageId": "m",
            "ReceiptHandle": "r",
            "Body": json.dumps(self.body),
            "Attributes": {"SentTimestamp": "0"},
        }
        return {"Messages": [message]}

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        self.deleted.append(QueueUrl + ReceiptHandle)

    def change_message_visibility_batch(self, **_: Any) -> None:
        pass

    def get_shard_iterator(self, **asked: str) -> dict[str, str]:
        assert asked == {
            "StreamArn": STREAM,
            "ShardId": "shard",
            "ShardIteratorType": "AT_SEQUENCE_NUMBER",
            "SequenceNumber": "9",
        }
        if self.error:
            raise ClientError({"Error": {"Code": self.error, "Message": ""}}, "x")
        return {"ShardIterator": "0"}

    def get_records(self, ShardIterator: str) -> dict[str, Any]:  # noqa: N803
        number = int(ShardIterator)
        found = self.pages[number] if number < len(self.pages) else []
        return {"Records": found, "NextShardIterator": str(number + 1)}

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == FUNCTION
        self.invoked.append(json.loads(Payload))
        return {**self.answer, "Payload": io.BytesIO(self.answer["Payload"])}

    def redrive(self, **more: Any) -> list[Outcome]:
        records = Records(self, self, self)
        return [*records.redrive([URL], Selection(everything=True), 100, **more)]


def test_a_function_gets_the_records_of_a_message_and_no_others() -> None:
    aws = Aws()
    [outcome] = aws.redrive()

    [event] = aws.invoked
    assert [r["dynamodb"]["SequenceNumber"] for r in event["Records"]] == ["9", "10", "11"]
    assert event["Records"][0]["eventSourceARN"] == STREAM
    assert event["Records"][0]["dynamodb"]["ApproximateCreationDateTime"] == CREATED.timestamp()
    assert (outcome.goes_on, outcome.text) == (True, "was processed by its function")
    assert aws.deleted == [f"{URL}r"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"Payload": b'{"batchItemFailures": [{}]}'}, "failed again on 1 of 3 records"),
        ({"Payload": b'{"errorMessage": "no"}', "FunctionError": "Unhandled"}, "failed again: no"),
    ],
)
def test_a_message_stays_when_its_function_fails_again(answer: dict[str, Any], text: str) -> None:
    aws = Aws()
    aws.answer = answer
    [outcome] = aws.redrive()

    assert (outcome.goes_on, outcome.text) == (False, text)
    assert aws.deleted == []


@pytest.mark.parametrize("code", ["TrimmedDataAccessException", "ResourceNotFoundException"])
def test_records_that_are_gone_are_named(code: str) -> None:
    aws = Aws()
    aws.error = code
    outcomes = aws.redrive()

    assert {(one.goes_on, "24 hours" in one.text) for one in outcomes} == {(False, True)}
    assert aws.deleted == []


def test_another_error_of_the_stream_stops_the_redrive() -> None:
    aws = Aws()
    aws.error = "AccessDeniedException"

    with pytest.raises(ClientError):
        aws.redrive()


def test_a_dry_run_calls_nothing() -> None:
    aws = Aws()
    outcomes = aws.redrive(dry_run=True)

    assert {one.text for one in outcomes} == {"would go to its function"}
    assert aws.invoked == aws.deleted == []
