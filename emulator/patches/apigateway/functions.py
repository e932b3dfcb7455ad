"""The right to call a function: of its own policy, or of the integration's role.

https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from emulator import policies

JsonObject = dict[str, Any]

SERVICE = "apigateway.amazonaws.com"
ACTION = "lambda:InvokeFunction"

log = logging.getLogger("emulator")


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import apigateway_v1 as gateway

    gateway._invoke_lambda_proxy_v1 = with_rights(gateway._invoke_lambda_proxy_v1, gateway)
    gateway._invoke_authorizer_lambda = with_rights_of_authorizers(
        gateway._invoke_authorizer_lambda, gateway
    )


def with_rights(invoke: Callable[..., Awaitable[Any]], gateway: Any) -> Callable[..., Any]:
    """Return MiniStack's integration of type ``AWS_PROXY``, which needs a right.

    Parameters
    ----------
    invoke
        MiniStack's function.
    gateway
        MiniStack's ``apigateway_v1``.
    """

    async def invoke_permitted(
        integration: JsonObject,
        api: str,
        stage_name: str,
        stage: JsonObject,
        resource: JsonObject,
        path: str,
        method: str,
        *request: Any,
        owner_account_id: str,
        owner_region: str,
        **more: Any,
    ) -> Any:
        place = (owner_region, owner_account_id)
        source = gateway.execute_api_arn(*place, api, stage_name, method, resource["path"])
        if cause := refusal(gateway, integration, source):
            log.warning("The integration of %s %s failed: %s", method, resource["path"], cause)
            return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
        return await invoke(
            integration,
            api,
            stage_name,
            stage,
            resource,
            path,
            method,
            *request,
            owner_account_id=owner_account_id,
            owner_region=owner_region,
            **more,
        )

    return invoke_permitted


def with_rights_of_authorizers(
    invoke: Callable[..., Awaitable[Any]], gateway: Any
) -> Callable[..., Any]:
    """Return MiniStack's call of an authorizer's function, which needs a right.

    MiniStack answers 500 when the function is missing, and here also without the right.
    """

    async def invoke_permitted(
        authorizer: JsonObject, event: JsonObject, account: str, region: str
    ) -> Any:
        api = event["methodArn"].split(":")[5].partition("/")[0]
        source = f"arn:aws:execute-api:{region}:{account}:{api}/authorizers/{authorizer['id']}"
        asked = {
            "uri": authorizer.get("authorizerUri"),
            "credentials": authorizer.get("authorizerCredentials"),
        }
        if cause := refusal(gateway, asked, source):
            log.warning("The authorizer of %s failed: %s", event["methodArn"], cause)
            return None
        return await invoke(authorizer, event, account, region)

    return invoke_permitted


def refusal(gateway: Any, integration: Mapping[str, Any], source: str) -> str:
    """Return why an integration may not call its function, or an empty text when it may.

    Parameters
    ----------
    gateway
        MiniStack's ``apigateway_v1``.
    integration
        Its ``uri``, and the role in ``credentials`` if it has one.
    source
        The ARN of the method or authorizer.
    """
    function = gateway._extract_lambda_ref_from_integration_uri(integration.get("uri") or "")
    if not function.startswith("arn:"):
        region, account = source.split(":")[3:5]
        function = f"arn:aws:lambda:{region}:{account}:function:{function}"
    role = str(integration.get("credentials") or "")
    if ":role/" in role:
        return policies.role_refusal(role, ACTION, function, trusted=SERVICE)
    return policies.resource_refusal(
        policies.policy_of("lambda", function), SERVICE, ACTION, function, source
    )
