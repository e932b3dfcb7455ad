"""Records of tables' streams that a function failed on, read again for it.

Lambda keeps the place of such records in a queue, not the records. The stream has them for 24 hours
(https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.recovery.dead_letters import UNREAD, DeadLetter
from ops.recovery.redrive import Outcome, Selection, of_queue

#: Errors of a stream that does not have a record any longer.
GONE = frozenset({"TrimmedDataAccessException", "ResourceNotFoundException"})


class Records:
    """Gives records to their functions again.

    Parameters
    ----------
    sqs, streams, functions
        Boto3 clients ``sqs``, ``dynamodbstreams`` and ``lambda``.
    """

    def __init__(self, sqs: Any, streams: Any, functions: Any) -> None:
        self._sqs = sqs
        self._streams = streams
        self._functions = functions

    def redrive(
        self,
        urls: Iterable[str],
        selection: Selection,
        per_second: float,
        dry_run: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Iterator[Outcome]:
        """Call functions with the records of the selected messages of some queues.

        Each message is deleted once its function has processed all records. Cut off before, the
        function gets them a second time with the next redrive, and finds its work done.
        """
        selection.check()
        started = now()
        for url in urls:

            def one(letter: DeadLetter, url: str = url) -> Outcome:
                if dry_run:
                    return Outcome(letter, False, "would go to its function")
                problem = self._call(json.loads(letter.raw["Body"]))
                if problem:
                    return Outcome(letter, False, problem)
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt)
                return Outcome(letter, True, "was processed by its function")

            yield from of_queue(self._sqs, UNREAD, url, selection, started, per_second, sleep, one)

    def _call(self, failure: dict[str, Any]) -> str:
        """Call a function with the records of a failure; return why it failed, if it did."""
        place = failure["DDBStreamBatchInfo"]
        try:
            records = [*self._read(place)]
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            return "cannot be read: the stream keeps records for 24 hours. Write the items again"
        answer = self._functions.invoke(
            FunctionName=failure["requestContext"]["functionArn"],
            Payload=json.dumps({"Records": records}, default=_seconds),
        )
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            return f"failed again: {result.get('errorMessage')}"
        failed = (result or {}).get("batchItemFailures") or ()
        return f"failed again on {len(failed)} of {len(records)} records" if failed else ""

    def _read(self, place: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the records of a failure, in the form in which a function gets them."""
        iterator = self._streams.get_shard_iterator(
            StreamArn=place["streamArn"],
            ShardId=place["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=place["startSequenceNumber"],
        )["ShardIterator"]
        last = int(place["endSequenceNumber"])
        while iterator:
            page = self._streams.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                if int(record["dynamodb"]["SequenceNumber"]) > last:
                    return
                yield {**record, "eventSourceARN": place["streamArn"]}
            if not page["Records"]:
                return
            iterator = page.get("NextShardIterator")


def _seconds(value: Any) -> Any:
    """Return a time as streams write it in a function's event."""
    return value.timestamp() if isinstance(value, datetime) else str(value)
