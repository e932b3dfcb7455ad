"""Integrations of type ``AWS``: calls of services and functions, by mapping templates.

A call is signed with the integration's role, and goes to the emulator's own endpoint, where
MiniStack checks the role's rights.
https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-request-basic-setup.html
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from emulator import policies
from emulator.patches.apigateway import functions
from emulator.patches.apigateway.templates import BodyError, Overrides, Scope, TemplateError

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]

JSON = "application/json"
#: Names of services in the addresses of integrations whose boto3 name is another one.
OTHER_NAMES = {
    "states": "stepfunctions",
    "monitoring": "cloudwatch",
    "email": "ses",
    "runtime.sagemaker": "sagemaker-runtime",
}
DEFAULT_MILLISECONDS = 29_000

log = logging.getLogger("emulator")


class ConfigurationError(ValueError):
    """The integration cannot work, whatever the request."""


class UnsupportedTypeError(ValueError):
    """No template takes the request's content type, and it must not pass without one."""


@dataclass(frozen=True)
class Call:
    """What is sent to a service."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    signing_name: str


@dataclass(frozen=True)
class Address:
    """The parts of ``arn:aws:apigateway:<region>:<service>:<action|path>/<rest>``."""

    region: str
    service: str
    kind: str
    rest: str


@dataclass(frozen=True)
class Backend:
    """The answer of a service or function.

    Parameters
    ----------
    selector
        The text that chooses the response: a service's status, a function's error message.
    """

    status: int
    selector: str
    headers: Mapping[str, str]
    text: str


def apply(endpoint: str) -> None:
    """Replace MiniStack's functions."""
    from ministack.services import apigateway_v1 as gateway

    invoke = partial(run, gateway, endpoint)
    gateway._invoke_lambda_custom_v1 = invoke
    gateway._invoke_sqs_v1 = invoke


async def run(
    gateway: Any,
    endpoint: str,
    integration: JsonObject,
    api_id: str,
    stage_name: str,
    stage: JsonObject,
    resource: JsonObject,
    path: str,
    method: str,
    headers: JsonObject,
    body: bytes,
    query: JsonObject,
    path_parameters: JsonObject,
    **more: Any,
) -> Any:
    """Run an integration of type ``AWS``, in place of MiniStack's function."""
    owner = {name: more.pop(name, None) for name in ("owner_account_id", "owner_region")}
    event = gateway._build_lambda_event_v1(
        api_id,
        stage_name,
        stage,
        resource,
        path,
        method,
        headers,
        body,
        query,
        path_parameters,
        **more,
    )
    scope = Scope(
        context={
            **event["requestContext"],
            "extendedRequestId": event["requestContext"]["requestId"],
            "authorizer": event["requestContext"].get("authorizer") or {},
            "error": {},
        },
        parameters={
            "path": event["pathParameters"] or {},
            "querystring": event["queryStringParameters"] or {},
            "header": event["headers"] or {},
        },
        stage_variables=event["stageVariables"] or {},
    )
    content_type = media_type(gateway._header_ci(headers, "content-type"))
    accept = media_type(gateway._header_ci(headers, "accept"))
    text = body.decode("utf-8", "replace") if body else ""
    seconds = int(integration.get("timeoutInMillis") or DEFAULT_MILLISECONDS) / 1000
    try:
        sent, changed = request_body(integration, content_type, text, scope)
        address = address_of(gateway, integration)
        if address.service == "lambda":
            place = (owner["owner_region"], owner["owner_account_id"])
            source = gateway.execute_api_arn(*place, api_id, stage_name, method, resource["path"])
            if cause := functions.refusal(gateway, integration, source):
                raise ConfigurationError(cause)
            # A function without a template gets MiniStack's event.
            asked = event if sent is None else read_json(sent)
            work = call_function(gateway, integration, asked, owner)
        else:
            call = call_of(integration, address, text if sent is None else sent, scope, changed)
            role = str(integration.get("credentials") or "")
            keys = keys_of_role(role, str(owner["owner_account_id"]), address.region)
            work = asyncio.to_thread(send, endpoint, address.region, call, keys, seconds)
        backend = await asyncio.wait_for(work, seconds)
        try:
            return answer_of(integration, backend, accept, scope)
        except BodyError:
            raise ConfigurationError("the answer that a template reads is not JSON") from None
    except UnsupportedTypeError:
        return gateway._gw_error("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
    except BodyError as error:
        return gateway._gw_error("BAD_REQUEST_BODY", str(error))
    except TimeoutError:
        return gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
    except (ConfigurationError, TemplateError) as error:
        log.warning("The integration of %s %s failed: %s", method, resource["path"], error)
        return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
    except OSError as error:
        log.warning("The integration of %s %s failed: %s", method, resource["path"], error)
        return gateway._gw_error("INTEGRATION_FAILURE", "Internal server error")


def request_body(
    integration: Mapping[str, Any], content_type: str, body: str, scope: Scope
) -> tuple[str | None, Overrides]:
    """Return what the template of a content type makes of a body; None without a template.

    Raises
    ------
    UnsupportedTypeError
        When there is none, and the integration takes mapped types only.
    """
    templates = {
        media_type(key): value for key, value in (integration.get("requestTemplates") or {}).items()
    }
    if content_type in templates:
        return scope.render(templates[content_type] or "", body, "requestOverride")
    behavior = str(integration.get("passthroughBehavior") or "WHEN_NO_MATCH").upper()
    if behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates):
        raise UnsupportedTypeError(content_type)
    return None, Overrides()


def media_type(header: str) -> str:
    """Return the first type of a header, without its parameters; JSON without a header."""
    first = (header or "").split(",", 1)[0].split(";", 1)[0].strip().lower()
    return first if first not in ("", "*/*") else JSON


def address_of(gateway: Any, integration: Mapping[str, Any]) -> Address:
    """Return the parts of an integration's address.

    Raises
    ------
    ConfigurationError
        When it is not the address of a service.
    """
    uri = str(integration.get("uri", ""))
    found = gateway._parse_service_integration_uri(uri)
    if found:
        return Address(*found)
    if uri.startswith("arn:aws:lambda:"):
        return Address(uri.split(":")[3], "lambda", "path", uri)
    raise ConfigurationError(f"{uri} is not the address of a service")


def call_of(
    integration: Mapping[str, Any], address: Address, body: str, scope: Scope, changed: Overrides
) -> Call:
    """Return the call of a service.

    Raises
    ------
    ConfigurationError
        When AWS has no such service or action.
    """
    model = model_of(address.service)
    mapped = mapped_parameters(integration, body, scope)
    for place in mapped:
        mapped[place].update(getattr(changed, place))
    headers, query = mapped["header"], mapped["querystring"]
    path = "/"
    if address.kind == "path":
        path += address.rest
        for name, value in mapped["path"].items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
    elif address.rest not in model.operation_names:
        raise ConfigurationError(f"{address.service} has no action {address.rest}")
    elif model.metadata["protocol"] == "json":
        headers["X-Amz-Target"] = f"{model.metadata['targetPrefix']}.{address.rest}"
        headers["Content-Type"] = f"application/x-amz-json-{model.metadata['jsonVersion']}"
    else:
        query |= {"Action": address.rest, "Version": model.api_version}
    headers.setdefault("Content-Type", JSON)
    method = str(integration.get("httpMethod") or "POST")
    return Call(method, path, query, headers, body.encode(), model.signing_name)


def mapped_parameters(
    integration: Mapping[str, Any], body: str, scope: Scope
) -> dict[str, dict[str, str]]:
    """Return the headers, query and path parameters that ``requestParameters`` maps.

    Raises
    ------
    ConfigurationError
        When a source is none that API Gateway has.
    """
    found: dict[str, dict[str, str]] = {"header": {}, "querystring": {}, "path": {}}
    for target, source in (integration.get("requestParameters") or {}).items():
        place, name = target.removeprefix("integration.request.").split(".", 1)
        value = source_value(str(source), body, scope)
        if value is not None:
            found[place][name] = value
    return found


def source_value(source: str, body: str, scope: Scope) -> str | None:
    """Return the value of a mapping's source, of the request; None if the request has none.

    Raises
    ------
    ConfigurationError
        When API Gateway has no such source.
    """
    if source[:1] == source[-1:] == "'":
        return source[1:-1]
    kind, _, name = source.partition(".")
    if kind == "context":
        text, _ = scope.render(f"$context.{name}", body, "requestOverride")
        return text
    if kind == "stageVariables":
        return scope.stage_variables.get(name)
    if source.startswith("method.request."):
        place, _, name = source.removeprefix("method.request.").partition(".")
        parameters = scope.parameters.get(place)
        if parameters is not None:
            return next((v for k, v in parameters.items() if k.lower() == name.lower()), None)
    raise ConfigurationError(f"{source} is not a source of a parameter")


@cache
def model_of(service: str) -> Any:
    """Return botocore's model of a service, by its name in addresses.

    Raises
    ------
    ConfigurationError
        When AWS has no such service.
    """
    import botocore.session
    from botocore.exceptions import UnknownServiceError

    try:
        return botocore.session.get_session().get_service_model(OTHER_NAMES.get(service, service))
    except UnknownServiceError:
        raise ConfigurationError(f"AWS has no service {service}") from None


def keys_of_role(role: str, account: str, region: str) -> Mapping[str, str]:
    """Return the keys of a session of an integration's role.

    Raises
    ------
    ConfigurationError
        When the role is missing, or API Gateway may not assume it.
    """
    if not role.startswith("arn:aws:iam::") or ":role/" not in role:
        raise ConfigurationError(f"the integration has no role, but '{role}'")
    from ministack.core import lambda_runtime

    if refused := policies.trust_refusal(role, functions.SERVICE):
        raise ConfigurationError(refused)
    arn = f"arn:aws:lambda:{region}:{role.split(':')[4]}:function:{account}"
    session: Mapping[str, str] = lambda_runtime.execution_credentials(
        {"Role": role, "FunctionArn": arn, "FunctionName": "BackplaneAssumeRoleSession"}
    )
    return session


def send(
    endpoint: str, region: str, call: Call, keys: Mapping[str, str], seconds: float
) -> Backend:
    """Send a signed call and return its answer."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = endpoint + call.path + (f"?{urlencode(call.query)}" if call.query else "")
    request = AWSRequest(call.method, url, data=call.body, headers=dict(call.headers))
    credentials = Credentials(
        keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], keys["AWS_SESSION_TOKEN"]
    )
    SigV4Auth(credentials, call.signing_name, region).add_auth(request)
    signed = {str(name): str(value) for name, value in request.headers.items()}
    asked = Request(url, call.body or None, signed, method=call.method)  # noqa: S310
    try:
        with urlopen(asked, timeout=seconds) as answer:  # noqa: S310
            status, headers, raw = answer.status, dict(answer.headers), answer.read()
    except HTTPError as error:
        status, headers, raw = error.code, dict(error.headers), error.read()
    return Backend(status, str(status), headers, as_json(raw.decode("utf-8", "replace")))


def as_json(text: str) -> str:
    """Return an answer in XML as JSON, which API Gateway asks services of that protocol for."""
    if not text.lstrip().startswith("<"):
        return text
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  The emulator's own answer.
    except ElementTree.ParseError:
        return text
    return json.dumps({local_name(root): value_of(root)})


def value_of(element: ElementTree.Element) -> Any:
    """Return the value of an element: its text, or its children by name."""
    if not len(element):
        return element.text
    return {local_name(child): value_of(child) for child in element}


def local_name(element: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


async def call_function(
    gateway: Any, integration: Mapping[str, Any], event: Any, owner: Mapping[str, Any]
) -> Backend:
    """Return the answer of a function, or its error.

    Raises
    ------
    OSError
        When it cannot be invoked, or not now.
    """
    function = gateway._extract_lambda_ref_from_integration_uri(integration.get("uri", ""))
    result, problem = await gateway._call_lambda_raw(
        function, event, account_id=owner["owner_account_id"], region=owner["owner_region"]
    )
    if problem or result.get("throttle"):
        raise OSError(problem or "the function is throttled")
    payload = result.get("body")
    if isinstance(payload, bytes | bytearray):
        text = bytes(payload).decode("utf-8", "replace")
    else:
        text = "" if payload is None else json.dumps(payload, ensure_ascii=False)
    failed = isinstance(payload, dict) and "errorMessage" in payload
    return Backend(200, str(payload["errorMessage"]) if failed else "", {}, text)


def read_json(text: str) -> Any:
    """Return the event that a template makes for a function.

    Raises
    ------
    ConfigurationError
        When it is not JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"the request's template makes no JSON: {error}") from None


def answer_of(
    integration: Mapping[str, Any], backend: Backend, accept: str, scope: Scope
) -> Answer:
    """Return the answer to the caller, by the response that the backend's answer selects.

    Raises
    ------
    ConfigurationError
        When no response takes the answer.
    """
    response = selected(integration.get("integrationResponses") or {}, backend.selector)
    templates = {
        media_type(key): value for key, value in (response.get("responseTemplates") or {}).items()
    }
    kind = next((t for t in (accept, JSON, *templates) if t in templates), JSON)
    text, changed = backend.text, Overrides()
    if kind in templates and templates[kind] is not None:
        text, changed = scope.render(templates[kind], backend.text, "responseOverride")
    headers = {"Content-Type": kind}
    for target, source in (response.get("responseParameters") or {}).items():
        name = target.removeprefix("method.response.header.")
        if (value := response_value(str(source), backend)) is not None:
            headers[name] = value
    status = changed.status or int(response.get("statusCode") or backend.status)
    return status, {**headers, **changed.header}, text.encode()


def selected(responses: Mapping[str, Any], selector: str) -> JsonObject:
    """Return the response whose pattern matches; the one without a pattern takes the rest.

    Raises
    ------
    ConfigurationError
        When none matches and none takes the rest.
    """
    found: list[JsonObject] = [one for one in responses.values() if one]
    for response in found:
        pattern = response.get("selectionPattern")
        if pattern and re.fullmatch(pattern, selector):
            return response
    for response in found:
        if not response.get("selectionPattern"):
            return response
    raise ConfigurationError(f"no response takes '{selector}'")


def response_value(source: str, backend: Backend) -> str | None:
    """Return the value of a header of the answer; None if the backend has none."""
    if source[:1] == source[-1:] == "'":
        return source[1:-1]
    name = source.removeprefix("integration.response.header.").lower()
    return next((value for key, value in backend.headers.items() if key.lower() == name), None)
