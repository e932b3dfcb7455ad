"""Events that could not go on: what waits in the queues, and why.

- *failed*: leads whose execution ended in CatchErrors, as it queued them (a large one by its
  execution's ARN alone, in whose input it is);
- *undelivered*: events that EventBridge could not give to the state machine, as EventBridge queued
  them (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html), or that a
  schedule could not, as Scheduler queued them
  (https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html);
- *unaudited*: events that it could not write to the bus's audit log, queued the same way;
- *unprocessed*: messages of a work queue that its function refused, or failed on too often;
- *unread*: places of records in a table's stream that a function failed on too often;
- *unreceived*: messages that a topic could not deliver, as SNS queued them
  (https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html).

A flow has a queue of the first two kinds, the bus has the third, each consumer of a queue the
fourth, each consumer of a stream the fifth, and each topic the last.

Reading removes nothing from a queue; it hides the message from other readers for a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from ops.errors import OperationError
from ops.executions.events import Event

Message = dict[str, Any]
Id = TypeVar("Id", str, None)

FAILED = "failed"
UNDELIVERED = "undelivered"
UNAUDITED = "unaudited"
UNPROCESSED = "unprocessed"
UNREAD = "unread"
UNRECEIVED = "unreceived"
#: The error of a message that its function failed on in every attempt.
TRIED_TOO_OFTEN = "TriedTooOften"
#: The error of a message of a topic for which SNS names none.
NOT_DELIVERED = "NotDelivered"
#: Begins the one entry of a redriven event's `resources` that names the event it was at first.
ORIGIN = "flowbridge:event/"
#: Begins the source of a redriven event of an AWS service.
REDRIVEN = "redriven."
#: Visibility timeout while listing: enough to read thousands of messages.
LOOK_SECONDS = 30
#: Visibility timeout while redriving; after an interruption the message reappears.
WORK_SECONDS = 120
#: SQS takes and gives no more messages in one call.
MOST_AT_ONCE = 10
#: A poll that waits asks all servers of SQS. One that does not asks a sample of them, and may find
#: nothing where messages are
#: (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html).
LONG_POLL_SECONDS = 1
#: So many answers without a new message mean that all were read.
KNOWN_ANSWERS = 2


@dataclass(frozen=True)
class DeadLetter:
    """One message of a queue.

    `event` is the original event, or nothing when the message holds none; `history` are the
    executions that this event failed in before, the oldest first.
    """

    queue: str
    message_id: str
    receipt: str
    since: datetime
    state: str
    error: str
    cause: str
    execution: str | None
    event: dict[str, Any] | None
    history: tuple[str, ...] = ()
    raw: Message = field(default_factory=dict, repr=False)

    @property
    def attempts(self) -> int:
        """How many executions this event had."""
        return len(self.history) + (1 if self.execution else 0)

    @property
    def origin(self) -> str | None:
        """The id that the event had when it was sent first."""
        event = self.event or {}
        return first_id(event.get("resources") or (), event.get("id"))

    def again(self) -> Event | None:
        """Return the event to publish, which remembers where it failed; nothing if there is none.

        The executions it failed in go along as its resources, and so come back in the message
        that CatchErrors queues should it fail again. The ARNs of other resources stay, by which a
        rule may select it.
        """
        if self.event is None or not _is_event(self.event):
            return None
        executions = [*self.history, self.execution] if self.execution else list(self.history)
        return Event(
            line=1,
            source=redriven_source(self.event["source"]),
            detail_type=self.event["detail-type"],
            detail=json.dumps(self.event["detail"], ensure_ascii=False, separators=(",", ":")),
            resources=(f"{ORIGIN}{self.origin}", *self._other_resources(), *executions),
        )

    def _other_resources(self) -> Iterator[str]:
        for resource in map(str, (self.event or {}).get("resources") or ()):
            if resource.startswith("arn:") and not _is_execution(resource):
                yield resource


def redriven_source(source: str) -> str:
    """Return the source of a redriven event: only AWS may send ``aws.*``.

    `modules/event_rule` adds it to the pattern of a rule for such events.
    """
    return f"{REDRIVEN}{source}" if source.startswith("aws.") else source


def first_id(resources: Iterable[object], own: Id) -> str | Id:
    """Return the id that an event had when it was sent first, which may be its own."""
    named = (str(r).removeprefix(ORIGIN) for r in resources if str(r).startswith(ORIGIN))
    return next(named, own)


def parse(queue: str, raw: Message) -> DeadLetter:
    """Parse a message of SQS; an unreadable one is reported as such, never dropped."""
    try:
        body = json.loads(raw["Body"])
    except (ValueError, RecursionError):
        body = None
    sent = int(raw.get("Attributes", {}).get("SentTimestamp", 0)) / 1000
    known: dict[str, Any] = {
        "queue": queue,
        "message_id": raw["MessageId"],
        "receipt": raw["ReceiptHandle"],
        "since": datetime.fromtimestamp(sent, UTC),
        "raw": raw,
    }
    if queue == FAILED and isinstance(body, dict) and isinstance(body.get("error"), dict):
        event = body.get("event")
        return DeadLetter(
            **known,
            state=str(body.get("failedState")),
            error=str(body["error"].get("name")),
            cause=str(body["error"].get("cause")),
            execution=body.get("execution"),
            event=event,
            history=_history(event),
        )
    scheduled = bool(_attribute(raw, "SCHEDULE_ARN"))
    if scheduled:
        body = _scheduled(body)
    if queue in (UNDELIVERED, UNAUDITED) and _is_event(body):
        return DeadLetter(
            **known,
            state="Scheduler" if scheduled else "EventBridge",
            error=_attribute(raw, "ERROR_CODE"),
            cause=_attribute(raw, "ERROR_MESSAGE"),
            execution=None,
            event=body,
            history=_history(body),
        )
    if queue == UNPROCESSED:
        return DeadLetter(
            **known,
            state="Queue",
            error=_attribute(raw, "errorName") or TRIED_TOO_OFTEN,
            cause=_attribute(raw, "errorCause")
            or "the function failed in every attempt; its log has the error",
            execution=None,
            event=None,
        )
    if queue == UNREAD and isinstance(body, dict) and "DDBStreamBatchInfo" in body:
        count = body["DDBStreamBatchInfo"]["batchSize"]
        return DeadLetter(
            **known,
            state="Stream",
            error=str(body["requestContext"]["condition"]),
            cause=f"records: {count}; the function's log has the error",
            execution=None,
            event=None,
        )
    if queue == UNRECEIVED:
        return DeadLetter(
            **known,
            state="Topic",
            error=_attribute(raw, "ErrorCode") or NOT_DELIVERED,
            cause=_attribute(raw, "ErrorMessage") or "the subscriber is missing or refused it",
            execution=None,
            event=None,
        )
    return DeadLetter(
        **known,
        state="",
        error="Unreadable",
        cause=f"this message is not an event of ours; {how_to_read(raw['MessageId'])}",
        execution=None,
        event=None,
    )


def how_to_read(message_id: str) -> str:
    """Return how to read a whole message."""
    return f"read it with 'make dead-letters ENV=… MESSAGE={message_id}'"


def read(client: Any, queue: str, url: str, seconds: int = LOOK_SECONDS) -> Iterator[DeadLetter]:
    """Yield the messages of a queue, each once; each is out of sight for `seconds`.

    Where reading takes longer, those of the beginning come again. The end is where SQS has none, or
    none that are new in as many answers as all that were read would fill.
    """
    seen: set[str] = set()
    known = 0
    while known < KNOWN_ANSWERS + len(seen) // MOST_AT_ONCE:
        answer = client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=MOST_AT_ONCE,
            VisibilityTimeout=seconds,
            WaitTimeSeconds=LONG_POLL_SECONDS,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return
        fresh = [m for m in messages if m["MessageId"] not in seen]
        known = 0 if fresh else known + 1
        letters = [parse(queue, message) for message in fresh]
        seen |= {letter.message_id for letter in letters}
        try:
            while letters:
                yield letters.pop(0)
        finally:
            # The caller stopped before it handled these.
            give_back(client, url, letters)


def whole(letter: DeadLetter, event_of: Callable[[str], dict[str, Any] | None]) -> DeadLetter:
    """Return a dead letter with its event, where its message had no room for one.

    Parameters
    ----------
    letter
        As it was read.
    event_of
        Returns the event that started an execution.
    """
    if letter.event is not None or letter.execution is None:
        return letter
    event = event_of(letter.execution)
    return replace(letter, event=event, history=_history(event))


def look(client: Any, queue: str, url: str, seconds: int = LOOK_SECONDS) -> list[DeadLetter]:
    """Return the messages of a queue, which others see again at once.

    `seconds` must be enough to read all: a message that comes back before is read again.
    """
    letters: list[DeadLetter] = []
    try:
        letters.extend(read(client, queue, url, seconds))
    finally:
        give_back(client, url, letters)
    return letters


def one(letters: Iterable[DeadLetter], message_id: str, environment: str) -> DeadLetter:
    """Return the one dead letter whose id, or the beginning of it, is `message_id`.

    Raises
    ------
    OperationError
        When none or several fit.
    """
    found = [letter for letter in letters if letter.message_id.startswith(message_id)]
    if len(found) != 1:
        raise OperationError(
            f"{len(found) or 'No'} messages have an id that begins with '{message_id}'.",
            f"Type 'make dead-letters ENV={environment}' to see them.",
        )
    return found[0]


def remove(client: Any, queue: str, url: str, is_meant: Callable[[DeadLetter], bool]) -> int:
    """Delete the messages of a queue that are meant; return how many. Others see the rest again."""
    letters = list(read(client, queue, url))
    meant = [letter for letter in letters if is_meant(letter)]
    for letter in meant:
        client.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt)
    give_back(client, url, [letter for letter in letters if letter not in meant])
    return len(meant)


def give_back(client: Any, url: str, letters: Sequence[DeadLetter]) -> None:
    """Let others see messages again that were read, unless they do already.

    By batches, whose answer says which messages are back in sight already, where a single call
    would be an error.
    """
    for start in range(0, len(letters), MOST_AT_ONCE):
        client.change_message_visibility_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                for number, letter in enumerate(letters[start : start + MOST_AT_ONCE])
            ],
        )


def _scheduled(body: Any) -> Any:
    """Return the event of a schedule's call, which for a state machine is the execution's input."""
    if not (isinstance(body, dict) and isinstance(body.get("Input"), str)):
        return body
    try:
        return json.loads(body["Input"])
    except (ValueError, RecursionError):
        return None


def _is_event(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("source"), str)
        and isinstance(value.get("detail-type"), str)
        and isinstance(value.get("detail"), dict)
    )


def _history(event: Any) -> tuple[str, ...]:
    if not isinstance(event, dict):
        return ()
    resources = event.get("resources") or ()
    return tuple(str(r) for r in resources if _is_execution(r))


def _is_execution(resource: object) -> bool:
    return ":execution:" in str(resource)


def _attribute(raw: Message, name: str) -> str:
    return str(raw.get("MessageAttributes", {}).get(name, {}).get("StringValue", ""))
