"""Handle the messages of a queue, each by itself, and report those that must be tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import describe, get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

log = get_logger("queue_batch")

#: SQS takes attributes of 256 KiB with the message; a cause is a sentence or two.
LONGEST_CAUSE = 1000


class Context(Protocol):
    """The part of an invocation's context that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that the invocation has left."""


class Consumer:
    """The handler of a function that `modules/queue_consumer` connects to a queue.

    Parameters
    ----------
    handle
        Handles the body of one message. It may get a message twice.
    permanent
        Errors that a message raises whenever it is tried. It goes to the dead-letter queue at once.
        After any other error, SQS delivers it again.
    seconds
        The time that a message needs. One that would begin later is left for another invocation.

    Examples
    --------
    >>> handler = Consumer(take_payment, permanent=(InvalidPayment,))  # doctest: +SKIP
    """

    def __init__(
        self,
        handle: Callable[[str], object],
        permanent: tuple[type[Exception], ...] = (),
        seconds: float = 0,
    ) -> None:
        self.handle = handle
        self.permanent = permanent
        self.seconds = seconds

    def __call__(self, event: dict[str, Any], context: Context) -> dict[str, Any]:
        """Handle a batch; return the report of the messages that failed."""
        failed = [record for record in event["Records"] if not self._is_done(record, context)]
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}

    def _is_done(self, record: dict[str, Any], context: Context) -> bool:
        """Handle one message; return whether it may be deleted."""
        message = {"message_id": record["messageId"]}
        if context.get_remaining_time_in_millis() < self.seconds * 1000:
            log.warning("message left for another invocation", extra=message)
            return False
        try:
            self.handle(record["body"])
        except self.permanent as error:
            log.warning("message refused", extra=message | {"error": type(error).__name__})
            return self._is_set_aside(record, error)
        except Exception as error:  # one message must not fail the others
            log.error("message failed", extra=message | describe(error))
            return False
        return True

    def _is_set_aside(self, record: dict[str, Any], error: Exception) -> bool:
        """Send a message to the dead-letter queue; return whether it is there."""
        texts = {"errorName": type(error).__name__, "errorCause": str(error)[:LONGEST_CAUSE]}
        try:
            client("sqs").send_message(
                QueueUrl=config.required("DEAD_LETTER_QUEUE_URL"),
                MessageBody=record["body"],
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": text}
                    for name, text in texts.items()
                    if text
                },
            )
        except Exception as problem:  # SQS moves the message there after the last attempt
            log.error(
                "message not set aside",
                extra={"message_id": record["messageId"], **describe(problem)},
            )
            return False
        return True
