"""Calls of HTTP endpoints by tasks: methods of API Gateway, and addresses anywhere.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-api-gateway.html
https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, quote, urlencode
from urllib.request import Request, urlopen

from emulator import policies
from emulator.patches.apigateway import callers
from emulator.patches.stepfunctions import connections
from emulator.patches.stepfunctions.roles import Caller

Failure = Callable[[str, str], Exception]
JsonObject = dict[str, Any]

API_SECONDS = 29
HTTP_SECONDS = 60
CONNECTION = re.compile(r"^arn:[^:]+:events:[^:]+:[0-9]+:connection/[^/:]+")
#: Headers that a task may not set.
FORBIDDEN = re.compile(
    r"^(authorization|connection|content-md5|date|expect|host|max-forwards|"
    r"proxy-authenticate|server|te|transfer-encoding|trailer|upgrade|via|"
    r"www-authenticate|x-forwarded-.*|x-amz-.*)$",
    re.IGNORECASE,
)


def api(who: Caller, failure: Failure, asked: Mapping[str, Any]) -> JsonObject:
    """Call a method of an API, as ``AuthType`` says: as anybody, the role, or Step Functions.

    Raises
    ------
    Exception
        By `failure`: ``ApiGateway.<status>`` for an answer of 400 or more.
    """
    endpoint = str(asked.get("ApiEndpoint", ""))
    headers = texts(asked.get("Headers"))
    if refused := [name for name in headers if FORBIDDEN.match(name)]:
        raise failure("States.Runtime", f"A task may not set the header {refused[0]}.")
    identifier = endpoint.rpartition("/")[2].partition(".")[0]
    stage, path = str(asked.get("Stage", "")), "/" + str(asked.get("Path") or "").lstrip("/")
    method, authorization = str(asked["Method"]), asked.get("AuthType", "NO_AUTH")
    url = f"{who.endpoint}/_aws/execute-api/{identifier}/{quote(stage + path)}{query(asked)}"
    body = content(asked.get("RequestBody"))
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    try:
        if authorization == "RESOURCE_POLICY":
            asked_for = parse_qs(query(asked).lstrip("?"))
            status, got, raw = callers.call_for_machine(
                who.machine,
                *(identifier, stage, method, path),
                *(headers, body or b"", asked_for, API_SECONDS),
            )
            answer = parsed(raw)
        else:
            if authorization == "IAM_ROLE":
                headers = signed(who, method, url, body, headers)
            status, got, answer = send(method, url, headers, body, API_SECONDS)
    except OSError as error:
        raise failure("ApiGateway.SdkClientException", str(error)) from None
    if status >= HTTPStatus.BAD_REQUEST:
        raise failure(f"ApiGateway.{status}", json.dumps(answer))
    return response(status, got, answer)


def http(who: Caller, failure: Failure, asked: Mapping[str, Any]) -> JsonObject:
    """Call an address with the credentials of a connection of EventBridge.

    Raises
    ------
    Exception
        By `failure`: ``States.Http.StatusCode.<status>`` for an answer of 300 or more,
        ``States.Http.Socket`` without one.
    """
    from ministack.services import eventbridge

    method, url = str(asked["Method"]), str(asked["ApiEndpoint"])
    arn = str((asked.get("Authentication") or {}).get("ConnectionArn", ""))
    if not CONNECTION.match(arn):
        raise failure("States.Runtime", f"'{arn}' is not the ARN of a connection.")
    keys = {"states:HTTPEndpoint": url, "states:HTTPMethod": method}
    needed: list[tuple[str, str, JsonObject]] = [
        ("states:InvokeHTTPEndpoint", who.machine, keys),
        *((action, resource, {}) for action, resource in connections.rights(arn)),
    ]
    for action, resource, conditions in needed:
        if cause := policies.role_refusal(who.credentials.role, action, resource, conditions):
            raise failure("States.TaskFailed", cause)
    connection = connections.Connection(eventbridge, arn, failure)
    headers = {
        "User-Agent": f"Amazon|StepFunctions|HttpInvoke|{who.region}",
        "Range": "bytes=0-262144",
        "Content-Type": "application/json;charset=UTF-8",
        **connection.headers(texts(asked.get("Headers"))),
    }
    body = content(connection.body(asked.get("RequestBody")))
    url += query({"QueryParameters": connection.query(asked.get("QueryParameters"))})

    def call(credentials: Mapping[str, str]) -> tuple[int, dict[str, str], Any]:
        return send(method, url, {**headers, **credentials}, body, HTTP_SECONDS)

    try:
        status, got, answer = call(connection.credentials())
        if renewed := connection.renewed(status):
            status, got, answer = call(renewed)
    except TimeoutError:
        raise failure("States.Timeout", f"{url} did not answer within {HTTP_SECONDS} s") from None
    except OSError as error:
        raise failure("States.Http.Socket", str(error)) from None
    found = response(status, got, answer)
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise failure(f"States.Http.StatusCode.{status}", json.dumps(found))
    return found


def signed(
    who: Caller, method: str, url: str, body: bytes | None, headers: dict[str, str]
) -> dict[str, str]:
    """Return headers with the signature of the caller's role."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    keys = Credentials(who.credentials.key, who.credentials.secret, who.credentials.token)
    request = AWSRequest(method, url, data=body, headers=headers)
    SigV4Auth(keys, "execute-api", who.region).add_auth(request)
    return {str(name): str(value) for name, value in request.headers.items()}


def send(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float
) -> tuple[int, dict[str, str], Any]:
    """Return the status, headers and body of an answer; JSON is parsed."""
    request = Request(url, data=body, method=method, headers=dict(headers))  # noqa: S310
    try:
        with urlopen(request, timeout=seconds) as answer:  # noqa: S310
            status, got, raw = answer.status, dict(answer.headers), answer.read()
    except HTTPError as error:
        status, got, raw = error.code, dict(error.headers), error.read()
    return status, got, parsed(raw)


def parsed(raw: bytes) -> Any:
    """Return a body's JSON, or its text."""
    text = raw.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def response(status: int, headers: Mapping[str, str], body: Any) -> JsonObject:
    """Return an answer as a state gets it."""
    return {
        "Headers": {name: [value] for name, value in headers.items()},
        "ResponseBody": body,
        "StatusCode": status,
        "StatusText": HTTPStatus(status).phrase,
    }


def texts(headers: Mapping[str, Any] | None) -> dict[str, str]:
    """Return headers with the values of each as one text."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in (headers or {}).items()
    }


def query(asked: Mapping[str, Any]) -> str:
    """Return the query of an address, which may be empty."""
    parameters = asked.get("QueryParameters") or {}
    return f"?{urlencode(parameters, doseq=True)}" if parameters else ""


def content(body: Any) -> bytes | None:
    """Return a request's body: JSON, or a text as it is."""
    if body is None:
        return None
    return (body if isinstance(body, str) else json.dumps(body)).encode()
