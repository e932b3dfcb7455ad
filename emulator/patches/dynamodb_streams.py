"""DynamoDB Streams.

- ``stream-retries``: a batch that a function fails on is repeated until its records are too old,
  whatever the mapping's retries and bisection, so one bad record blocks the stream.
- ``stream-checkpoints``: the failures that a function reports within a batch are ignored.
- ``rights-of-streams``: a mapping reads a stream and sends to its destination without any right of
  the function's role.
- ``iterator-age``: ``IteratorAge`` is not recorded.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from emulator import event_sources
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "stream-retries": (
        "A failing batch is split and repeated as the mapping says, then goes to its destination."
    ),
    "stream-checkpoints": "A batch is repeated from the first record that the function reports.",
    "rights-of-streams": "A mapping needs the rights of the function's role on the stream.",
    "iterator-age": "``IteratorAge`` is the age of the records that a function gets.",
}

JsonObject = dict[str, Any]

READING = (
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:DescribeStream",
    "dynamodb:ListStreams",
)
CANNOT_READ = (
    "Cannot access stream {source}. Please ensure the role can perform the GetRecords, "
    "GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM."
)
CANNOT_SEND = "The provided execution role does not have permissions to call {action} on {service}"
#: Where the records of a stream are, of which MiniStack has one shard.
SHARD = "shardId-00000000000000000000-00000000"
RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"
#: Seconds before a failed batch is repeated: the first ones, doubled by each failure, and at most.
FIRST_DELAY, LONGEST_DELAY = 0.1, 1.0


@dataclass(frozen=True)
class Limits:
    """The settings of a mapping for failures.

    Parameters
    ----------
    retries
        How often a batch is repeated; -1 for no limit.
    age
        Seconds after which a record is given up; -1 for no limit.
    bisects
        Whether a failing batch is split.
    reports
        Whether the function's answer has the records that failed.
    """

    retries: int = -1
    age: int = -1
    bisects: bool = False
    reports: bool = False

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> Limits:
        """Return the limits of MiniStack's mapping."""
        retries, age = mapping.get("MaximumRetryAttempts"), mapping.get("MaximumRecordAgeInSeconds")
        return cls(
            retries=-1 if retries is None else int(retries),
            age=-1 if age is None else int(age),
            bisects=bool(mapping.get("BisectBatchOnFunctionError")),
            reports="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or ()),
        )


@dataclass(frozen=True)
class Batch:
    """Records for one invocation, and how many invocations with them failed."""

    records: tuple[JsonObject, ...]
    failures: int = 0


@dataclass(frozen=True)
class Next:
    """The result of an invocation: batches to repeat in order, or one to give up, and why."""

    repeated: tuple[Batch, ...] = ()
    given_up: Batch | None = None
    condition: str = ""


def after(batch: Batch, result: Mapping[str, Any], limits: Limits, now: float) -> Next:
    """Return the batches that follow an invocation.

    Parameters
    ----------
    batch
        The records that the function got.
    result
        MiniStack's result: ``error``, and the function's answer as ``body``.
    limits
        The mapping's.
    now
        The time, in seconds since the epoch.
    """
    start = 0 if result.get("error") else checkpoint(batch, result.get("body"), limits)
    if start is None:
        return Next()
    rest = batch.records[start:]
    if limits.age >= 0 and any(now - created(record) > limits.age for record in rest):
        return Next(given_up=Batch(rest, batch.failures + 1), condition=TOO_OLD)
    if start > 0:
        # A batch that got shorter is another one, which has all its retries.
        return Next(repeated=(Batch(rest),))
    if limits.bisects and result.get("error") and len(rest) > 1:
        middle = len(rest) // 2
        # Splitting does not count as a retry.
        halves = rest[:middle], rest[middle:]
        return Next(repeated=tuple(replace(batch, records=half) for half in halves))
    failed = replace(batch, failures=batch.failures + 1)
    if 0 <= limits.retries < failed.failures:
        return Next(given_up=failed, condition=RETRIES_EXHAUSTED)
    return Next(repeated=(failed,))


def checkpoint(batch: Batch, answer: Any, limits: Limits) -> int | None:
    """Return the place of the first record that an answer reports; None when it reports none.

    An answer that names no record of the batch reports all of them
    (https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html).
    """
    if not limits.reports:
        return None
    if isinstance(answer, str | bytes):
        try:
            answer = json.loads(answer)
        except ValueError:
            return None
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not failures:
        return None
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch.records]
    reported = [failure.get("itemIdentifier") for failure in failures]
    if not all(number in numbers for number in reported):
        return 0
    return min(numbers.index(number) for number in reported)


def created(record: JsonObject) -> float:
    """Return when a record was written, in seconds since the epoch."""
    return float(record["dynamodb"].get("ApproximateCreationDateTime", 0))


def failure_record(
    batch: Batch, condition: str, function: str, source: str, result: Mapping[str, Any], now: float
) -> JsonObject:
    """Return the message about a batch for a destination, which has the place of its records."""

    def iso(seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")

    first, last = batch.records[0], batch.records[-1]
    answered: JsonObject = {"statusCode": 200, "executedVersion": function.rpartition(":")[2]}
    if result.get("error"):
        answered["functionError"] = result.get("function_error") or "Unhandled"
    return {
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": function,
            "condition": condition,
            "approximateInvokeCount": batch.failures,
        },
        "responseContext": answered,
        "version": "1.0",
        "timestamp": iso(now),
        "DDBStreamBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": first["dynamodb"]["SequenceNumber"],
            "endSequenceNumber": last["dynamodb"]["SequenceNumber"],
            "approximateArrivalOfFirstRecord": iso(created(first)),
            "approximateArrivalOfLastRecord": iso(created(last)),
            "batchSize": len(batch.records),
            "streamArn": source,
        },
    }


def destination_of(mapping: Mapping[str, Any]) -> str:
    """Return the ARN to which a mapping sends batches that it gives up; an empty text for none."""
    configured = (mapping.get("DestinationConfig") or {}).get("OnFailure") or {}
    return str(configured.get("Destination") or "")


def problem_of(config: Mapping[str, Any], mapping: Mapping[str, Any]) -> str:
    """Return why the role of a function cannot serve a mapping, in AWS's words, or an empty text.

    Parameters
    ----------
    config
        The function's configuration.
    mapping
        The mapping, or the request for one; any source but a stream of DynamoDB is left alone.
    """
    source, role = str(mapping.get("EventSourceArn", "")), str(config.get("Role", ""))
    if ":dynamodb:" not in source:
        return ""
    if event_sources.refusal(role, READING, source):
        return CANNOT_READ.format(source=source)
    if destination := destination_of(mapping):
        service = destination.split(":")[2]
        action = event_sources.SENDING.get(service)
        if action and event_sources.refusal(role, [action], destination):
            return CANNOT_SEND.format(action=action.partition(":")[2], service=service.upper())
    return ""


class Poller:
    """Hands the records of streams to the functions of their mappings.

    The records of a stream are processed in their order: MiniStack's streams have one shard, and a
    mapping's parallelization is ignored.

    Parameters
    ----------
    functions, tables
        MiniStack's ``lambda_svc`` and ``dynamodb``.
    send
        Sends a text to a destination, by its ARN.
    record_age
        Records the age of the newest record of a batch, in milliseconds, for a function.
    """

    def __init__(
        self,
        functions: Any,
        tables: Any,
        send: Callable[[str, str], None],
        record_age: Callable[[str, float], None],
    ) -> None:
        self._functions = functions
        self._tables = tables
        self._send = send
        self._record_age = record_age
        #: Batches that were read and are not done, by mapping.
        self._pending: dict[str, tuple[Batch, ...]] = {}
        self._lock = threading.Lock()

    def poll(self) -> bool:
        """Start the next batch of each mapping; return whether there was one."""
        from ministack.core.responses import request_scope

        begun = False
        for account, region, mapping in self._functions._iter_all_esms():
            with request_scope(account, region):
                begun = self._poll_one(mapping) or begun
        return begun

    def forget(self, mapping: str) -> None:
        """Forget the batches of a deleted mapping."""
        with self._lock:
            self._pending.pop(mapping, None)

    def _poll_one(self, mapping: JsonObject) -> bool:
        functions, key = self._functions, mapping["UUID"]
        source = str(mapping.get("EventSourceArn", ""))
        if ":dynamodb:" not in source or not mapping.get("Enabled", True):
            return False
        if (
            functions._esm_inflight.get(key)
            or functions._esm_backoff_until.get(key, 0) > time.time()
        ):
            return False
        record, config, _ = functions._get_func_record_for_ref(mapping["FunctionArn"])
        if record is None:
            return False
        if not (key in self._pending or self._has_more(mapping, source)):
            return False
        if problem := problem_of(config, mapping):
            mapping["LastProcessingResult"] = f"PROBLEM: {problem}"
            functions._esm_backoff_until[key] = time.time() + LONGEST_DELAY
            return False
        if key not in self._pending and not self._read(mapping, source):
            return True
        functions._dispatch_esm_batch(key, self._run, mapping, record)
        return True

    def _has_more(self, mapping: JsonObject, source: str) -> bool:
        """Return whether a stream has records that its mapping has not read."""
        name = _table_of(source)
        table = self._tables._tables.get(name)
        if not table or table.get("LatestStreamArn") != source:
            return False
        begin, end = (
            self._tables.stream_start_position(name),
            self._tables.stream_end_position(name),
        )
        return bool(max(self._position(mapping, begin, end), begin) < end)

    def _position(self, mapping: JsonObject, begin: int, end: int) -> int:
        start = begin if mapping.get("StartingPosition") == "TRIM_HORIZON" else end
        positions = self._functions._dynamodb_stream_positions
        with self._functions._dynamodb_stream_positions_lock:
            if mapping["UUID"] not in positions:
                positions[mapping["UUID"]] = start
            return int(positions[mapping["UUID"]])

    def _read(self, mapping: JsonObject, source: str) -> bool:
        """Read the next batch; return whether the mapping's filters leave something of it."""
        name = _table_of(source)
        begin, end = (
            self._tables.stream_start_position(name),
            self._tables.stream_end_position(name),
        )
        position = max(self._position(mapping, begin, end), begin)
        records = self._tables.stream_records_since(name, position, mapping.get("BatchSize", 100))
        with self._functions._dynamodb_stream_positions_lock:
            self._functions._dynamodb_stream_positions[mapping["UUID"]] = position + len(records)
        if wanted := self._functions._apply_filter_criteria(records, mapping):
            with self._lock:
                self._pending[mapping["UUID"]] = (Batch(tuple(wanted)),)
        return bool(wanted)

    def _run(self, mapping: JsonObject, function: JsonObject) -> None:
        """Call the function with the first batch that is not done."""
        key = mapping["UUID"]
        with self._lock:
            batch, *others = self._pending[key]
        newest = max(created(record) for record in batch.records)
        self._record_age(mapping["FunctionName"], (time.time() - newest) * 1000)
        result = self._functions._execute_function(function, {"Records": list(batch.records)})
        follows = after(batch, result, Limits.of(mapping), time.time())
        if follows.given_up:
            self._give_up(mapping, follows, result)
        with self._lock:
            if left := (*follows.repeated, *others):
                self._pending[key] = left
            else:
                self._pending.pop(key, None)
        failed = bool(follows.repeated or follows.given_up)
        mapping["LastProcessingResult"] = "PROBLEM: Function call failed" if failed else "OK"
        if follows.repeated:
            delay = FIRST_DELAY * 2 ** follows.repeated[0].failures
            until = time.time() + min(LONGEST_DELAY, delay)
            self._functions._esm_backoff_until[key] = until

    def _give_up(self, mapping: JsonObject, follows: Next, result: Mapping[str, Any]) -> None:
        destination = destination_of(mapping)
        if not destination or follows.given_up is None:
            return
        _, config, _ = self._functions._get_func_record_for_ref(mapping["FunctionArn"])
        action = event_sources.SENDING.get(destination.split(":")[2])
        if action and not event_sources.refusal(str(config.get("Role")), [action], destination):
            body = failure_record(
                follows.given_up,
                follows.condition,
                mapping["FunctionArn"],
                mapping["EventSourceArn"],
                result,
                time.time(),
            )
            self._send(destination, json.dumps(body))


def apply(_: Settings) -> None:
    """Close the gaps."""
    from ministack.services import cloudwatch, dynamodb, lambda_svc, sns, sqs

    def send(destination: str, text: str) -> None:
        if destination.split(":")[2] == "sns":
            sns.publish_internal(destination, text)
        elif (queue := sqs._queue_by_arn(destination)) is not None:
            sqs._act_send_message({"MessageBody": text, "QueueUrl": queue["url"]}, queue["url"])

    def record_age(function: str, milliseconds: float) -> None:
        cloudwatch.record_metric(
            "AWS/Lambda", "IteratorAge", milliseconds, "Milliseconds", {"FunctionName": function}
        )

    poller = Poller(lambda_svc, dynamodb, send, record_age)
    lambda_svc._poll_dynamodb_streams = poller.poll
    lambda_svc._release_esm_poll_state = forgetting(
        lambda_svc._release_esm_poll_state, [poller.forget]
    )
    lambda_svc._create_esm = event_sources.checked(
        lambda_svc._create_esm,
        event_sources.config_of(lambda_svc),
        problem_of,
        lambda_svc._invalid_parameter_value,
    )


def forgetting(
    release: Callable[[str], None], more: Iterable[Callable[[str], None]]
) -> Callable[[str], None]:
    """Return MiniStack's cleaning up after a mapping, with more to clean up."""

    def release_all(mapping: str) -> None:
        release(mapping)
        for forget in more:
            forget(mapping)

    return release_all


def _table_of(source: str) -> str:
    """Return the name of the table of a stream."""
    return source.partition(":table/")[2].partition("/")[0]
