"""CatchErrors: keep a lead that could not be registered, and tell the bus of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from flowbridge import config
from flowbridge.clients import client
from flowbridge.errors import BusRejectedEvent
from flowbridge.logs import get_logger

log = get_logger("catch_errors")

FLOW = "crm_registration"
SOURCE = "flowbridge.crm_registration"
DETAIL_TYPE = "CRM Registration Failed"
MESSAGE_VERSION = 1
UNKNOWN = "Unknown"
#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
#: has more by now; this much every queue takes, its attributes included.
MAX_MESSAGE_BYTES = 255 * 1024
SHORT_CAUSE = 1000


def handler(failure: dict[str, Any], _context: object) -> dict[str, Any]:
    """Queue the original event with its error, then publish that the registration failed.

    The queue comes first: if what follows fails, Step Functions repeats both, and a message that
    is there twice is better than one that is not there.

    Parameters
    ----------
    failure
        ``event`` (the whole original event), ``failedState``, ``error`` (``Error`` and ``Cause``
        of the state machine) and ``execution`` (its ARN). Whatever is missing is left empty: this
        is the last place that can keep the lead.

    Returns
    -------
    dict
        ``messageId`` of the queued message, ``failedState``, ``error`` and ``cause``.

    Raises
    ------
    BusRejectedEvent
        When the bus refuses the event.
    """
    message = failed_message(failure, datetime.now(UTC))
    name, state = message["error"]["name"], message["failedState"]
    body = message_body(message)
    queued = client("sqs").send_message(
        QueueUrl=config.required("FAILED_LEADS_QUEUE_URL"),
        MessageBody=body,
        MessageAttributes={
            "errorName": {"DataType": "String", "StringValue": name},
            "failedState": {"DataType": "String", "StringValue": state},
        },
    )
    _publish(message)
    log.warning(
        "registration failed",
        extra={"execution": message["execution"], "error": name, "failed_state": state},
    )
    return {
        "messageId": queued["MessageId"],
        "failedState": state,
        "error": name,
        "cause": message["error"]["cause"],
    }


def failed_message(failure: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the message of the failed-leads queue: all that is needed to send the event again."""
    error = failure.get("error") or {}
    return {
        "version": MESSAGE_VERSION,
        "flow": FLOW,
        "failedAt": now.isoformat(timespec="milliseconds"),
        "failedState": failure.get("failedState") or UNKNOWN,
        "error": {
            "name": error.get("Error") or UNKNOWN,
            "cause": readable_cause(error.get("Cause") or ""),
        },
        "execution": failure.get("execution"),
        "event": failure.get("event"),
    }


def message_body(message: dict[str, Any]) -> str:
    """Return the text of a message; a cause that makes it too large for the queue is cut."""
    body = _text(message)
    if len(body.encode()) > MAX_MESSAGE_BYTES:
        error = message["error"]
        body = _text({**message, "error": {**error, "cause": error["cause"][:SHORT_CAUSE]}})
    return body


def readable_cause(cause: str) -> str:
    """Return the message of a Lambda function's error, or another cause as it is.

    Step Functions gives a function's error as the JSON object that the runtime made of the
    exception, stack trace included.
    """
    try:
        value = json.loads(cause)
    except json.JSONDecodeError:
        return cause
    message = value.get("errorMessage") if isinstance(value, dict) else None
    return message if isinstance(message, str) else cause


def _text(message: dict[str, Any]) -> str:
    text = json.dumps(message, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        # A bad lead may hold half a character, and still must be kept.
        return json.dumps(message)
    return text


def _publish(message: dict[str, Any]) -> None:
    event = message["event"]
    detail = {
        "execution": message["execution"],
        "failedState": message["failedState"],
        "error": message["error"]["name"],
        "eventId": event.get("id") if isinstance(event, dict) else None,
    }
    answer = client("events").put_events(
        Entries=[
            {
                "EventBusName": config.required("EVENT_BUS_NAME"),
                "Source": SOURCE,
                "DetailType": DETAIL_TYPE,
                "Detail": json.dumps(detail),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        code = answer["Entries"][0].get("ErrorCode", "no code")
        raise BusRejectedEvent(f"the bus refused '{DETAIL_TYPE}': {code}")
