"""The callers of a method: principals of other accounts, and Step Functions.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus

from emulator import policies

SERVICE = "states.amazonaws.com"
ACTION = "execute-api:Invoke"


def apply() -> None:
    """Replace MiniStack's function, in each module that has it."""
    from ministack.core import arn
    from ministack.services import apigateway_v1

    of_owner = with_owner(arn.execute_api_arn, lambda api: apigateway_v1.find_api_scope(api))
    arn.execute_api_arn = apigateway_v1.execute_api_arn = of_owner


def with_owner(
    make: Callable[..., str], owner_of: Callable[[str], tuple[str, str] | None]
) -> Callable[..., str]:
    """Return MiniStack's ARN of a method, in the API's account instead of the caller's.

    Parameters
    ----------
    make
        MiniStack's function.
    owner_of
        Returns the account and region of a REST API; None of any other.
    """

    def execute_api_arn(region: str, account: str, api: str, *rest: str) -> str:
        if owner := owner_of(api):
            account, region = owner
        return make(region, account, api, *rest)

    return execute_api_arn


def call_for_machine(
    machine: str,
    api: str,
    stage: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, list[str]],
    seconds: float,
) -> tuple[int, dict[str, str], bytes]:
    """Call a method as Step Functions, for a state machine; return its answer.

    Raises
    ------
    TimeoutError
        When the method does not answer within the seconds.
    """
    from ministack import app
    from ministack.services import apigateway_v1 as gateway

    sent = {name.lower(): value for name, value in headers.items()}
    if gateway.method_authorization_type(api, stage, method, path) == "AWS_IAM":
        region, account = machine.split(":")[3:5]
        arn = gateway.execute_api_arn(region, account, api, stage, method, path)
        policy = (gateway.rest_api_policy_for_arn(arn) or ("",))[0]
        if policies.resource_refusal(policy, SERVICE, ACTION, arn, machine):
            return refusal(arn)
        # In place of the signature of Step Functions, which MiniStack does not know.
        sent["authorization"] = f"AWS4-HMAC-SHA256 {SERVICE}"
    # It works on the server's event loop, and a task runs in a thread.
    answer = gateway.handle_execute(api, stage, method, path, sent, body, query)
    status, got, raw = asyncio.run_coroutine_threadsafe(answer, app._MAIN_LOOP).result(seconds)
    return status, got, raw if isinstance(raw, bytes) else raw.encode()


def refusal(arn: str) -> tuple[int, dict[str, str], bytes]:
    """Return API Gateway's refusal of a call that no policy allows."""
    message = (
        f"User: anonymous is not authorized to perform: {ACTION} on resource: {arn} because no "
        f"resource-based policy allows the {ACTION} action"
    )
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "AccessDeniedException"}
    return HTTPStatus.FORBIDDEN, headers, json.dumps({"Message": message}).encode()
