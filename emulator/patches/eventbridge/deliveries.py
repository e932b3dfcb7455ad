"""Deliveries to targets that may fail, for the moment or for good.

MiniStack drops what its targets refuse. Here they note why, and `rights` repeats the delivery or
gives it up.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
"""

from __future__ import annotations

import contextvars
import json
import threading
from collections.abc import Callable
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from emulator.patches.scheduler.calls import PASSING, CallError

JsonObject = dict[str, Any]

#: Answers below 500 after which EventBridge calls an API destination again.
REPEATED = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS,
}

_problems: ContextVar[list[CallError]] = ContextVar("problems")


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import eventbridge, lambda_svc, sns

    eventbridge._dispatch_to_lambda = to_functions(lambda_svc)
    eventbridge._dispatch_to_sns = to_topics(sns)
    eventbridge._dispatch_to_api_destination = to_api_destinations(eventbridge)


def outcome_of(invoke: Callable[[], None]) -> None:
    """Deliver an event.

    Raises
    ------
    CallError
        With what the target noted.
    """
    problems: list[CallError] = []
    reset = _problems.set(problems)
    try:
        invoke()
    finally:
        _problems.reset(reset)
    if problems:
        raise problems[0]


def note(code: str, message: str, passes: bool = False) -> None:
    """Note that the delivery fails; MiniStack would only log an exception."""
    _problems.get([]).append(CallError(code, message, passes))


def note_answer(status: int, body: bytes) -> None:
    """Note the error of a service, if its answer is one."""
    if status < HTTPStatus.BAD_REQUEST:
        return
    answer = json.loads(body or b"{}")
    code, message = str(answer.get("__type", "")), str(answer.get("message", ""))
    if any(word in code for word in PASSING):
        note("THROTTLING", message, passes=True)
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        note("INTERNAL_ERROR", message, passes=True)
    else:
        note("ERROR_FROM_TARGET", f"{code}: {message}")


def later(seconds: float, go_on: Callable[[], None]) -> None:
    """Do something after some seconds, in the same account and region."""
    timer = threading.Timer(seconds, contextvars.copy_context().run, (go_on,))
    timer.daemon = True
    timer.start()


def to_functions(functions: Any) -> Callable[[str, str], None]:
    """Return the delivery to a function, which Lambda repeats when the function fails."""

    def deliver(arn: str, payload: str) -> None:
        record, config, _name = functions._get_func_record_for_ref(arn)
        try:
            event = json.loads(payload)
        except ValueError:
            note("INVALID_JSON", f"{arn} takes JSON only.")
            return
        functions.invoke_async_with_retry(
            functions._execution_record_for_config(record, config), event
        )

    return deliver


def to_topics(topics: Any) -> Callable[[str, str], None]:
    """Return the delivery to a topic, which may refuse the message."""

    def deliver(arn: str, payload: str) -> None:
        try:
            topics.publish_internal(arn, payload, "EventBridge Notification")
        except topics.SnsPublishError as refusal:
            note("INVALID_PARAMETER", str(refusal))

    return deliver


def to_api_destinations(events: Any) -> Callable[..., None]:
    """Return the delivery to an API destination, which waits for the answer.

    Parameters
    ----------
    events
        MiniStack's EventBridge.
    """

    def deliver(spec: Any, payload: str, target: JsonObject) -> None:
        from ministack.core.responses import get_account_id, get_region

        destination = events._api_destinations[spec.resource.split("/")[1]]
        name = destination["ConnectionArn"].split("/")[1]
        connection = events._connections.get(name) or {}
        if connection.get("ConnectionState") != "AUTHORIZED":
            note("NO_PERMISSIONS", f"The connection {name} is not authorized.")
            return
        request = events._build_api_destination_request(
            destination, connection, target.get("HttpParameters") or {}, payload
        )
        key = (get_account_id(), get_region(), name)
        try:
            headers = events._connection_auth_headers(connection, key)
            status = events._api_destination_send_sync(request, headers)
        except TimeoutError as error:
            note("TIMEOUT", str(error), passes=True)
        except OSError as error:
            note("CONNECTION_FAILURE", str(error), passes=True)
        else:
            if status in REPEATED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                note("SDK_CLIENT_ERROR", f"HTTP {status}", passes=True)
            elif status >= HTTPStatus.MULTIPLE_CHOICES:
                note("ERROR_FROM_TARGET", f"HTTP {status}")

    return deliver
