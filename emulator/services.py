"""A frame for services that MiniStack does not have.

A service is an object with a method for each operation, named as the operation in snake case. The
method gets the fields of the request, and returns those of the answer. MiniStack checks signatures
and identity policies before it calls a service. Botocore's model of the service reads requests and
writes answers, and finds what does not fit it.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from inspect import getmembers, isawaitable, ismethod, signature
from typing import Any
from urllib.parse import unquote

from botocore import xform_name

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]

#: By the types of botocore's shapes, how JSON has them.
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "character": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str, datetime),
}

log = logging.getLogger("emulator")
#: The registered services: botocore's name, and the object.
registered: dict[str, object] = {}


class Refused(Exception):  # noqa: N818  a service refuses a request
    """The service's error for a request.

    Parameters
    ----------
    code
        Such as ``ResourceNotFoundException``.
    message
        The text for the caller.
    fields
        More fields of the error.
    """

    def __init__(self, code: str, message: str, **fields: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields


def register(
    scope: str,
    botocore_name: str,
    prefix: str,
    service: object,
    resource_of: Callable[[str, JsonObject, str], str],
) -> None:
    """Add a service to MiniStack.

    Without the entry in the router, MiniStack would read every model of botocore at the first call
    of the service, for seconds in which everything waits.

    Parameters
    ----------
    scope
        The service's name in signatures, which is also that of its actions in policies.
    botocore_name
        Its name in botocore.
    prefix
        The beginning of ``X-Amz-Target``; empty for a service whose paths name its operations.
    service
        The service.
    resource_of
        Returns the ARN that a request is about, by its operation, its fields, and the region and
        account (``us-east-1:111111111111``).
    """
    from ministack import app
    from ministack.core import iam_actions, router

    registered[botocore_name] = service
    app.SERVICE_HANDLERS[scope] = handler(service, botocore_name)
    router.SERVICE_PATTERNS[scope] = {
        "host_patterns": [rf"^{re.escape(scope)}\."],
        "target_prefixes": [prefix] if prefix else [],
    }
    iam_actions.SERVICE_TO_IAM_NAMESPACE[scope] = scope
    iam_actions._BOTOCORE_SERVICE_MAP[scope] = [botocore_name]
    iam_actions.extract_resource_arn = with_resources(
        iam_actions.extract_resource_arn, scope, botocore_name, resource_of
    )


@cache
def model_of(botocore_name: str) -> Any:
    """Return botocore's model of a service."""
    import botocore.session

    return botocore.session.get_session().get_service_model(botocore_name)


def handler(service: object, botocore_name: str) -> Handler:
    """Return MiniStack's handler of a service's requests."""

    async def handle(
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
    ) -> Answer:
        model = model_of(botocore_name)
        content = {"Content-Type": content_type(model)}
        try:
            operation, fields = read(model, method, path, headers, body, query)
            call = getattr(service, xform_name(operation.name), None)
            if call is None:
                raise Refused("UnknownOperationException", f"{operation.name} is missing here.")
            answer = call(fields)
            if isawaitable(answer):
                answer = await answer
        except Refused as refused:
            return error(refused, content)
        shape = operation.output_shape
        given = written(answer, shape) if shape else {}
        if shape and (found := list(problems(given, shape))):
            log.error("%s answered what AWS does not: %s", operation.name, "; ".join(found))
            return error(Refused("InternalFailure", "; ".join(found)), content, 500)
        return 200, content, json.dumps(given).encode()

    return handle


def read(
    model: Any,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, Any],
) -> tuple[Any, JsonObject]:
    """Return the operation and the fields of a request, by botocore's names.

    Raises
    ------
    Refused
        When the operation does not exist, or the fields do not fit it.
    """
    operation, fields = named_in_path(model, method, path)
    if operation is None:
        name = headers.get("x-amz-target", "").rpartition(".")[2]
        if name not in model.operation_names:
            raise Refused("UnknownOperationException", f"Operation '{name}' does not exist.")
        operation = model.operation_model(name)
    shape = operation.input_shape
    if shape is None:
        return operation, {}
    try:
        fields |= taken_in(json.loads(body or b"{}"), shape)
    except (ValueError, AttributeError):
        raise Refused("SerializationException", "The body is not a JSON object.") from None
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        if member.serialization.get("location") == "querystring" and wire in query:
            value = query[wire]
            many = member.type_name == "list"
            value = value if many or not isinstance(value, list) else value[0]
            fields[name] = int(value) if member.type_name == "integer" else value
    if found := list(problems(fields, shape)):
        raise Refused("ValidationException", "; ".join(found))
    return operation, fields


def named_in_path(model: Any, method: str, path: str) -> tuple[Any, JsonObject]:
    """Return the operation that a method and a path name, with the fields in the path."""
    if not model.metadata["protocol"].startswith("rest"):
        return None, {}
    for pattern, operation in _paths(model.service_name).get(method, ()):
        if found := pattern.fullmatch(path.rstrip("/") or "/"):
            members = operation.input_shape.members if operation.input_shape else {}
            wires = {m.serialization.get("name", n): n for n, m in members.items()}
            return operation, {wires[k]: unquote(v) for k, v in found.groupdict().items()}
    return None, {}


@cache
def _paths(botocore_name: str) -> dict[str, list[tuple[re.Pattern[str], Any]]]:
    model = model_of(botocore_name)
    found: dict[str, list[tuple[re.Pattern[str], Any]]] = {}
    for name in model.operation_names:
        operation = model.operation_model(name)
        uri = operation.http["requestUri"].partition("?")[0].rstrip("/") or "/"
        pattern = re.sub(r"\\\{(\w+)(?:\\\+)?\\\}", r"(?P<\1>[^/]+)", re.escape(uri))
        # An ARN at the end has slashes of its own.
        pattern = re.sub(r"(\(\?P<\w*[Aa]rn>)\[\^/\]\+\)$", r"\1.+)", pattern)
        found.setdefault(operation.http["method"], []).append((re.compile(pattern), operation))
    for some in found.values():
        # A path without fields before one whose field would match it.
        some.sort(key=lambda one: one[0].groups)
    return found


def taken_in(value: Any, shape: Any) -> Any:
    """Return what a request holds by botocore's names, without what is null."""
    if shape.type_name == "structure":
        names = {m.serialization.get("name", n): (n, m) for n, m in shape.members.items()}
        known = {key: names.get(key, (key, None)) for key in value}
        return {
            known[k][0]: taken_in(v, known[k][1]) if known[k][1] else v
            for k, v in value.items()
            if v is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [taken_in(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: taken_in(item, shape.value) for key, item in value.items()}
    return value


def written(value: Any, shape: Any) -> Any:
    """Return an answer as it is sent: the fields that it has on AWS, with their names on the wire.

    A service may hold more of a resource than a call returns.
    """
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            member.serialization.get("name", name): written(value[name], member)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [written(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: written(item, shape.value) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(UTC).timestamp()
    return value


def problems(given: Any, shape: Any, place: str = "") -> Iterator[str]:
    """Yield what does not fit a shape of botocore: a type, a required field, an unknown one."""
    wanted: Any = TYPES.get(shape.type_name, object)
    is_odd = isinstance(given, bool) and shape.type_name not in ("boolean", "blob")
    if not isinstance(given, wanted) or is_odd:
        yield f"{place or 'It'} is not a {shape.type_name}"
    elif shape.type_name == "structure":
        names = {m.serialization.get("name", n): m for n, m in shape.members.items()}
        names |= shape.members
        wires = {n: m.serialization.get("name", n) for n, m in shape.members.items()}
        yield from (
            f"{place}{name} is missing"
            for name in shape.required_members
            if name not in given and wires[name] not in given
        )
        for key, item in given.items():
            if key in names:
                yield from problems(item, names[key], f"{place}{key}.")
            else:
                yield f"{place}{key} is unknown"
    elif shape.type_name == "list":
        for item in given:
            yield from problems(item, shape.member, place)
    elif shape.type_name == "map":
        for item in given.values():
            yield from problems(item, shape.value, place)
    elif shape.type_name == "string" and shape.enum and given not in shape.enum:
        yield f"{place} is '{given}', not one of {', '.join(shape.enum)}"


def with_resources(
    guess: Callable[..., str],
    scope: str,
    botocore_name: str,
    resource_of: Callable[[str, JsonObject, str], str],
) -> Callable[..., str]:
    """Return MiniStack's naming of a request's resource, which knows those of one more service."""

    def name(
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
        region: str,
        account: str,
    ) -> str:
        if service != scope:
            return guess(service, method, path, headers, body, query, region, account)
        try:
            operation, fields = read(model_of(botocore_name), method, path, headers, body, query)
        except Refused:
            return "*"
        return resource_of(operation.name, fields, f"{region}:{account}")

    return name


def content_type(model: Any) -> str:
    """Return the type of a service's answers."""
    if model.metadata["protocol"].startswith("rest"):
        return "application/json"
    return f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.0')}"


def error(refused: Refused, content: dict[str, str], status: int = 400) -> Answer:
    """Return the answer with an error."""
    body = {"__type": refused.code, "message": refused.message, "Message": refused.message}
    headers = {**content, "x-amzn-ErrorType": refused.code}
    return status, headers, json.dumps({**body, **refused.fields}).encode()


def without_operation(botocore_name: str, service: object) -> list[str]:
    """Return the methods for requests that AWS has no operation for."""
    operations = {xform_name(name) for name in model_of(botocore_name).operation_names}
    methods = {
        name
        for name, method in getmembers(service, ismethod)
        if not name.startswith("_") and len(signature(method).parameters) == 1
    }
    return sorted(methods - operations)
