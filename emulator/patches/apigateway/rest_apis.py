"""REST APIs as a whole: their documents, owners, tags and usage plans."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from emulator.openapi_import import OpenApiImport, UnsupportedDocumentError
from emulator.settings import ROOT_SECRET, Settings

TAGGED = re.compile(r"/restapis/(?P<api>[A-Za-z0-9]+)(/stages/(?P<stage>[^/]+))?$")
REST_API = re.compile(r"^/restapis/([A-Za-z0-9]+)/?$")

Answer = tuple[int, dict[str, str], bytes]
Handle = Callable[..., Awaitable[Answer]]

log = logging.getLogger("emulator")


def apply(settings: Settings) -> None:
    """Replace MiniStack's functions."""
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import apigateway_v1

    def client() -> Any:
        """Return a client with the root key of the request's account, and its region."""
        import boto3

        return boto3.client(
            "apigateway",
            endpoint_url=settings.endpoint,
            region_name=get_region(),
            # The number of an account is its root key.
            aws_access_key_id=get_account_id(),
            aws_secret_access_key=ROOT_SECRET,
        )

    apigateway_v1.handle_request = with_put_rest_api(apigateway_v1.handle_request, client)
    apigateway_v1._create_usage_plan = without_empty_parts(
        apigateway_v1._create_usage_plan, apigateway_v1._usage_plans
    )
    apigateway_v1.find_api_scope = find_in_any_account(apigateway_v1._rest_apis)

    def described(arn: str) -> dict[str, Any] | None:
        """Return the description of the API or the stage of an ARN."""
        match = TAGGED.search(arn)
        if match is None:
            return None
        if match["stage"]:
            found = apigateway_v1._stages_v1.get(match["api"], {}).get(match["stage"])
        else:
            found = apigateway_v1._rest_apis.get(match["api"])
        return found if isinstance(found, dict) else None

    apigateway_v1._tag_v1_resource = with_tags(apigateway_v1._tag_v1_resource, described)
    apigateway_v1._untag_v1_resource = without_tags(apigateway_v1._untag_v1_resource, described)


def without_empty_parts(create: Callable[[Any], Answer], plans: Any) -> Callable[[Any], Answer]:
    """Return MiniStack's ``CreateUsagePlan``, which leaves out the limits that were not given."""

    def create_plan(data: Any) -> Answer:
        status, headers, body = create(data)
        plan = json.loads(body)
        if status == 201:
            given = {k: v for k, v in plan.items() if v or k not in ("quota", "throttle")}
            plans[plan["id"]] = plan = given
        return status, headers, json.dumps(plan).encode()

    return create_plan


def with_put_rest_api(handle: Handle, client: Callable[[], Any]) -> Handle:
    """Return MiniStack's request handler, extended by ``PUT /restapis/{id}``.

    Parameters
    ----------
    handle
        MiniStack's handler; gets every other request.
    client
        Returns an API Gateway client of the account and region of the current request.
    """

    async def handle_all(method: str, path: str, headers: Any, body: Any, query: Any) -> Answer:
        match = REST_API.match(path) if method == "PUT" else None
        if match is None:
            return await handle(method, path, headers, body, query)
        # The import calls this server, so it must not block the event loop.
        status, answer = await asyncio.to_thread(put_rest_api, client(), match[1], body)
        return status, {"Content-Type": "application/json"}, json.dumps(answer).encode()

    return handle_all


def put_rest_api(client: Any, api_id: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Replace what a REST API holds by an OpenAPI document; return the status and the answer."""
    import yaml
    from botocore.exceptions import ClientError

    try:
        # JSON is YAML, so one parser reads both forms that API Gateway takes.
        OpenApiImport(client, api_id).overwrite(yaml.safe_load(body))
        answer = client.get_rest_api(restApiId=api_id)
    except (UnsupportedDocumentError, yaml.YAMLError, KeyError) as error:
        log.warning("PutRestApi of %s refused: %s", api_id, error)
        return 400, error_answer("BadRequestException", f"PutRestApi of {api_id}: {error}")
    except ClientError as error:
        log.warning("PutRestApi of %s failed: %s", api_id, error)
        details = error.response["Error"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        message = f"PutRestApi of {api_id}, {error.operation_name}: {details['Message']}"
        return status, error_answer(details["Code"], message)
    answer.pop("ResponseMetadata")
    return 200, {name: wire_value(value) for name, value in answer.items()}


def error_answer(code: str, message: str) -> dict[str, str]:
    """Return an error in the form that AWS clients read from a REST-JSON service."""
    return {"__type": code, "code": code, "message": message}


def wire_value(value: Any) -> Any:
    """Return a value of a boto3 answer in the service's JSON form (times are epoch seconds)."""
    return value.timestamp() if isinstance(value, datetime) else value


def find_in_any_account(apis: Any) -> Callable[[str], tuple[str, str] | None]:
    """Return MiniStack's search for a REST API's account and region, by its identifier alone.

    Identifiers are random, so no two accounts share one.
    """

    def find(api_id: str) -> tuple[str, str] | None:
        owners = (
            (account, region) for (account, region, found), _ in apis.all_items() if found == api_id
        )
        return next(owners, None)

    return find


def with_tags(
    tag: Callable[[str, Any], Answer], described: Callable[[str], dict[str, Any] | None]
) -> Callable[[str, Any], Answer]:
    """Return MiniStack's ``TagResource``, which changes the description too."""

    def tag_and_describe(arn: str, data: Any) -> Answer:
        answer = tag(arn, data)
        if answer[0] < 300 and (found := described(arn)) is not None:
            found["tags"] = {**found.get("tags", {}), **data.get("tags", {})}
        return answer

    return tag_and_describe


def without_tags(
    untag: Callable[[str, Any], Answer], described: Callable[[str], dict[str, Any] | None]
) -> Callable[[str, Any], Answer]:
    """Return MiniStack's ``UntagResource``, which changes the description too."""

    def untag_and_describe(arn: str, keys: Any) -> Answer:
        answer = untag(arn, keys)
        if answer[0] < 300 and (found := described(arn)) is not None:
            found["tags"] = {k: v for k, v in found.get("tags", {}).items() if k not in keys}
        return answer

    return untag_and_describe
