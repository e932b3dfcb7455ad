"""Keep an event whose execution failed, and tell the bus of it: what CatchErrors of a flow does."""

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
#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
#: has more by now; this much every queue takes, its attributes included.
MAX_MESSAGE_BYTES = 255 * 1024
SHORT_CAUSE = 1000
#: Characters that no message may hold, and halves of characters, which have no bytes
#: (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
UNSENDABLE = r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


class CatchErrors:
    """The handler of a flow's CatchErrors.

    Parameters
    ----------
    flow
        The flow's name.
    detail_type
        What the bus hears, from the source ``flowbridge.<flow>``.
    """

    def __init__(self, flow: str, detail_type: str) -> None:
        self.flow = flow
        self.detail_type = detail_type

    def __call__(self, failure: dict[str, Any], _context: object) -> dict[str, Any]:
        """Queue the original event with its error, then publish that it failed.

        Once it is queued nothing fails any more. Step Functions would repeat both, queue the event
        again each time, and hold the execution for one that left no message.

        Parameters
        ----------
        failure
            ``event`` (the whole original event; nothing where a state's input had no room for it,
            then it is in the execution's), ``failedState``, ``error`` (``Error`` and
            ``Cause`` of the state machine), ``execution`` (its ARN) and, from a flow that undoes
            what it did, ``notUndone`` (the states that should have and could not). Whatever is
            missing is left empty: this is the last place that can keep the event.

        Returns
        -------
        dict
            ``messageId`` of the queued message, ``failedState``, ``error``, ``cause``, and whether
            the bus was ``told``; when it was not, the log says why.
        """
        # The client's library needs it too; a start would wait for it.
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
        log.warning(
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
            "told": self.tell(detail),
        }

    def tell(self, detail: dict[str, Any]) -> bool:
        """Publish that an execution failed, and return whether the bus took it."""
        try:
            publish(f"flowbridge.{self.flow}", self.detail_type, detail)
        except Exception as error:  # the event is kept, whatever becomes of the news
            extra = {"execution": detail["execution"], **describe(error)}
            log.error("the bus was not told that an execution failed", extra=extra)
            return False
        return True

    def message(self, failure: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Return the message of the failed queue: all that is needed to send the event again."""
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
    """Return the text of a message that the queue takes.

    A cause that makes it too large is cut; an event that does is left where it is, too, in the
    input of the execution.
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
    """Return the id of the event that failed, by the execution's name where the event is missing.

    EventBridge begins the name with it.
    """
    event, execution = failure.get("event"), failure.get("execution")
    if isinstance(event, dict):
        return _name(event.get("id"))
    return execution.rpartition(":")[2].partition("_")[0] if isinstance(execution, str) else None


def readable_cause(cause: Any) -> str:
    """Return the message of a Lambda function's error, or another cause as it is.

    Step Functions gives a function's error as the JSON object that the runtime made of the
    exception, stack trace included.
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
    """Return a name that a message's attribute can hold."""
    if not isinstance(value, str) or not value:
        return UNKNOWN
    return re.sub(UNSENDABLE, "\N{REPLACEMENT CHARACTER}", value)


def _text(value: Any) -> str:
    """Return JSON that is no longer than it must be, and that every queue takes.

    An event near the size limit must not grow by blanks, nor by more escapes than it needs.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # JSON escapes the controls by itself. The others, half a character among them, stand in texts.
    return re.sub(UNSENDABLE, lambda found: f"\\u{ord(found[0]):04x}", text)
