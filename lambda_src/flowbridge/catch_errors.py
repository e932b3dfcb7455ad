"""CatchErrors: queue the event of a failed execution, and publish the failure on the bus."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from flowbridge import config
from flowbridge.bus import publish
from flowbridge.clients import client
from flowbridge.logs import describe, get_logger

if TYPE_CHECKING:
    from datetime import datetime

log = get_logger("catch_errors")

MESSAGE_VERSION = 1
UNKNOWN = "Unknown"
#: Every queue accepts 256 KiB, attributes included; some accept more
#: (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
MAX_MESSAGE_BYTES = 255 * 1024
SHORT_CAUSE = 1000
#: Characters that SQS rejects, and lone surrogates, which UTF-8 cannot encode
#: (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
UNSENDABLE = r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


class CatchErrors:
    """The handler of a flow's CatchErrors function.

    Parameters
    ----------
    flow
        The flow's name.
    detail_type
        Detail type of the failure event; its source is ``flowbridge.<flow>``.
    """

    def __init__(self, flow: str, detail_type: str) -> None:
        self.flow = flow
        self.detail_type = detail_type

    def __call__(self, failure: dict[str, Any], _context: object) -> dict[str, Any]:
        """Queue the original event with its error, then publish the failure.

        Never raises after queueing: a retry would queue the event twice, and the execution would
        count as one without a message.

        Parameters
        ----------
        failure
            ``event`` (the original event; missing if the state's input had no room for it, it is
            then in the execution's input), ``failedState``, ``error`` (``Error`` and ``Cause`` of
            the state machine), ``execution`` (its ARN) and, from flows with compensation,
            ``notUndone`` (the states whose compensation failed). Every field may be missing: this
            is the last place that can keep the event.

        Returns
        -------
        dict
            ``messageId`` of the queued message, ``failedState``, ``error``, ``cause``, and
            ``told``: whether the bus accepted the failure event. If not, the log has the reason.
        """
        # Imported here: it would slow the cold start, and botocore imports it anyway.
        from datetime import UTC, datetime

        message = self.message(failure, datetime.now(UTC))
        name, state = message["error"]["name"], message["failedState"]
        queued = client("sqs").send_message(
            QueueUrl=config.required("FAILED_QUEUE_URL"),
            MessageBody=message_body(message),
            MessageAttributes={
                "errorName": {"DataType": "String", "StringValue": name},
                "failedState": {"DataType": "String", "StringValue": state},
            },
        )
        # Alarms count this line by its error, and ops.recovery.marks reads it.
        log.error(
            "execution failed",
            extra={"execution": message["execution"], "error": name, "failed_state": state},
        )
        detail = {
            "execution": message["execution"],
            "failedState": state,
            "error": name,
            "eventId": event_id(failure),
        }
        return {
            "messageId": queued["MessageId"],
            "failedState": state,
            "error": name,
            "cause": message["error"]["cause"],
            "told": self.publish_failure(detail),
        }

    def publish_failure(self, detail: dict[str, Any]) -> bool:
        """Publish the failure, and return whether the bus accepted it."""
        try:
            publish(f"flowbridge.{self.flow}", self.detail_type, detail)
        except Exception as error:  # the event is already queued, so this is not fatal
            extra = {"execution": detail["execution"], **describe(error)}
            log.error("could not publish the failure of an execution", extra=extra)
            return False
        return True

    def message(self, failure: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Return the message for the failed queue, with everything that a redrive needs."""
        given = failure.get("error")
        error = given if isinstance(given, dict) else {}
        left = {"notUndone": failure["notUndone"]} if failure.get("notUndone") else {}
        event = failure.get("event")
        if event is None:
            left["eventId"] = event_id(failure)
        return {
            "version": MESSAGE_VERSION,
            "flow": self.flow,
            "failedAt": now.isoformat(timespec="milliseconds"),
            "failedState": _name(failure.get("failedState")),
            "error": {
                "name": _name(error.get("Error")),
                "cause": readable_cause(error.get("Cause")),
            },
            "execution": failure.get("execution"),
            **left,
            "event": event,
        }


def message_body(message: dict[str, Any]) -> str:
    """Return the message as text within the queue's size limit.

    If it is too large, truncate the cause; if it is still too large, leave out the event, which is
    also in the execution's input.
    """
    body = _text(message)
    if len(body.encode()) > MAX_MESSAGE_BYTES:
        error = message["error"]
        message = {**message, "error": {**error, "cause": error["cause"][:SHORT_CAUSE]}}
        body = _text(message)
    if len(body.encode()) > MAX_MESSAGE_BYTES:
        body = _text({**message, "event": None, "eventId": event_id(message)})
    return body


def event_id(failure: dict[str, Any]) -> str | None:
    """Return the id of the failed event.

    If the event is missing, take the id from the execution's name: EventBridge puts it first.
    """
    event, execution = failure.get("event"), failure.get("execution")
    if isinstance(event, dict):
        return _name(event.get("id"))
    return execution.rpartition(":")[2].partition("_")[0] if isinstance(execution, str) else None


def readable_cause(cause: Any) -> str:
    """Return the message of a Lambda function's error; return any other cause unchanged.

    Step Functions passes a function's error as the runtime's JSON object, with its stack trace.
    """
    if not isinstance(cause, str):
        return "" if cause is None else _text(cause)
    try:
        value = json.loads(cause)
    except (ValueError, RecursionError):
        return cause
    message = value.get("errorMessage") if isinstance(value, dict) else None
    return message if isinstance(message, str) else cause


def _name(value: Any) -> str:
    """Return the value as a string that is valid in a message attribute."""
    if not isinstance(value, str) or not value:
        return UNKNOWN
    return re.sub(UNSENDABLE, "\N{REPLACEMENT CHARACTER}", value)


def _text(value: Any) -> str:
    """Return compact JSON that SQS accepts.

    Without spaces and needless escapes, so that an event near the size limit still fits.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # json escapes control characters; the other characters that SQS rejects occur in strings only.
    return re.sub(UNSENDABLE, lambda found: f"\\u{ord(found[0]):04x}", text)
