"""Keep callers of the emulator within AWS's quotas.

A call above its quota gets the answer that its service gives, so that boto3 retries it as on AWS.
State transitions and the invocations of targets wait for their turn instead. Off unless the
setting is there: see ``emulator/quotas.py``.
"""

from __future__ import annotations

import contextvars
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from emulator.asgi import App, Message, Receive, Scope, Send, answer, read_body
from emulator.patches.eventbridge.deliveries import note
from emulator.quotas import Quotas

CREDENTIAL = re.compile(rb"Credential=([^/]+)/[^/]+/([^/]+)/([^/]+)/")
DATA_PLANE = "/_aws/execute-api/"
JSON_TYPE = "application/x-amz-json-1.1"

#: Returns account and region of the API with an id; None when there is none.
ApiOwner = Callable[[str], tuple[str, str] | None]


class WithQuotas:
    """ASGI application: another one, which gets the calls that are within their quotas.

    Parameters
    ----------
    app
        Gets every other request.
    quotas
        The quotas.
    account_of
        Returns the account of an access key's id.
    api_owner
        Returns the account and the region of an API.
    """

    def __init__(
        self, app: App, quotas: Quotas, account_of: Callable[[str], str], api_owner: ApiOwner
    ) -> None:
        self._app = app
        self._quotas = quotas
        self._account_of = account_of
        self._api_owner = api_owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        call = self._call(scope) if scope["type"] == "http" else None
        if call is None or self._quotas.admits(*call):
            await self._app(scope, receive, send)
            return
        # An answer before the whole request was read would end the connection.
        await read_body(receive)
        _, _, service, _ = call
        if service == "execute-api":
            body = json.dumps({"message": "Too Many Requests"}).encode()
            await answer(send, 429, "application/json", body)
        else:
            error = {"__type": "ThrottlingException", "message": "Rate exceeded"}
            await answer(send, 400, JSON_TYPE, json.dumps(error).encode())

    def _call(self, scope: Message) -> tuple[str, str, str, str] | None:
        """Return account, region, service and action of a request; None if it has no quota."""
        path: str = scope["path"]
        if path.startswith(DATA_PLANE):
            owner = self._api_owner(path.removeprefix(DATA_PLANE).partition("/")[0])
            return (*owner, "execute-api", "Invoke") if owner else None
        headers: dict[bytes, bytes] = dict(scope["headers"])
        signed = CREDENTIAL.search(headers.get(b"authorization", b""))
        action = headers.get(b"x-amz-target", b"").decode("latin-1").rpartition(".")[2]
        if not signed or not action:
            return None
        key, region, service = (part.decode("latin-1") for part in signed.groups())
        return self._account_of(key), region, service, action


def install(quotas: Quotas) -> Callable[[App], App]:
    """Put MiniStack under quotas; return what wraps its application."""
    from ministack import app as ministack
    from ministack.core import responses
    from ministack.services import (
        apigateway_v1,
        eventbridge,
        lambda_svc,
        secretsmanager,
        sqs,
        stepfunctions,
    )

    def here() -> tuple[str, str]:
        return responses.get_account_id(), responses.get_region()

    def account_of(key: str) -> str:
        responses.set_request_account_id(ministack._request_account_scope(key))
        account: str = responses.get_account_id()
        return account

    def api_owner(wanted: str) -> tuple[str, str] | None:
        apis = apigateway_v1._rest_apis.all_items()
        return next(
            ((account, region) for (account, region, api), _ in apis if api == wanted), None
        )

    cap = quotas.limit("lambda_concurrency")
    # MiniStack's own cap protects this computer's memory.
    lambda_svc._ACCOUNT_CONCURRENCY_CAP = min(lambda_svc._ACCOUNT_CONCURRENCY_CAP or cap, cap)
    stepfunctions._add_event = with_paced_states(stepfunctions._add_event, quotas, here)
    eventbridge._dispatch_to_stepfunctions = with_limited_starts(
        eventbridge._dispatch_to_stepfunctions, quotas, here
    )
    eventbridge._invoke_target = with_paced_targets(eventbridge._invoke_target, quotas, here)
    sqs._HANDLERS["ReceiveMessage"] = with_limits_of_queues(
        sqs._HANDLERS["ReceiveMessage"], sqs, quotas
    )
    secretsmanager._create_secret = with_taken_names(secretsmanager._create_secret, secretsmanager)
    return lambda app: WithQuotas(app, quotas, account_of, api_owner)


def with_paced_states(
    add: Callable[..., Any], quotas: Quotas, here: Callable[[], tuple[str, str]]
) -> Callable[..., Any]:
    """Return MiniStack's function that writes an event of a history, as slow as state transitions.

    AWS throttles transitions by running them later.
    """

    def add_later(execution: Any, kind: str, details: Any = None) -> Any:
        if kind.endswith("StateEntered") and (
            delay := quotas.delay(*here(), "states", "StateTransition")
        ):
            time.sleep(delay)
        return add(execution, kind, details)

    return add_later


def with_paced_targets(
    invoke: Callable[..., None], quotas: Quotas, here: Callable[[], tuple[str, str]]
) -> Callable[..., None]:
    """Return MiniStack's delivery to a target, which waits for its turn without a thread's wait."""

    def invoke_later(*arguments: Any) -> None:
        delay = quotas.delay(*here(), "events", "Invocations")
        if not delay:
            invoke(*arguments)
            return
        run = contextvars.copy_context().run
        timer = threading.Timer(delay, run, (invoke, *arguments))
        timer.daemon = True
        timer.start()

    return invoke_later


def with_limited_starts(
    start: Callable[[str, str], None], quotas: Quotas, here: Callable[[], tuple[str, str]]
) -> Callable[[str, str], None]:
    """Return the start of an execution by an event, which EventBridge repeats above the quota."""

    def start_within_quota(arn: str, payload: str) -> None:
        if quotas.admits(*here(), "states", "StartExecution"):
            start(arn, payload)
        else:
            note("THROTTLING", "Rate exceeded", passes=True)

    return start_within_quota


def with_limits_of_queues(
    receive: Callable[[Any, str], Awaitable[Any]], queues: Any, quotas: Quotas
) -> Callable[[Any, str], Awaitable[Any]]:
    """Return MiniStack's ReceiveMessage with AWS's two surprises.

    A short poll asks a sample of the servers, which may have nothing while others have messages. A
    queue with too many messages in flight refuses a short poll, and gives a long poll nothing.
    """

    async def receive_within_limits(data: Any, url: str) -> Any:
        queue = queues._get_q(data.get("QueueUrl", url), "sqs:ReceiveMessage")
        default = queue["attributes"].get("ReceiveMessageWaitTimeSeconds", "0")
        is_short = int(data.get("WaitTimeSeconds", default)) == 0
        now = time.time()
        in_flight = sum(message.get("visible_at", 0) > now for message in queue["messages"])
        if in_flight >= quotas.limit("sqs_in_flight"):
            if is_short:
                raise queues._Err("OverLimit", "Too many messages in flight", 403)
            return {}
        if is_short and quotas.short_poll_finds_nothing():
            return {}
        return await receive(data, url)

    return receive_within_limits


def with_taken_names(create: Callable[[Any], Any], secrets: Any) -> Callable[[Any], Any]:
    """Return MiniStack's CreateSecret with AWS's refusal of a deleted secret's name."""

    def create_unless_deleted(data: Any) -> Any:
        name = data.get("Name")
        if name in secrets._secrets and secrets._secrets[name].get("DeletedDate"):
            return secrets.error_response_json(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already "
                "scheduled for deletion.",
                400,
            )
        return create(data)

    return create_unless_deleted
