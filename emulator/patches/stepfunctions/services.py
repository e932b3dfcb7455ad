"""Calls of AWS services by tasks, in the form that Step Functions gives them.

Arguments and answers have the names of AWS's SDK for Java 2, in which acronyms are words
(``DbClusterArn``) and every name begins with a capital. Errors have its names too: the service, and
the error with ``Exception`` at its end. An error that the service's model does not contain is the
service's general one, such as ``DynamoDb.DynamoDbException``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from emulator.patches.stepfunctions.roles import Caller

JsonObject = dict[str, Any]
#: Makes the error of a state from a name and a cause.
Failure = Callable[[str, str], Exception]
#: SDK names whose boto3 name has other letters.
OTHER_NAMES = {"cloudwatchlogs": "logs", "eventbridge": "events", "sfn": "stepfunctions"}
#: Service ids whose acronym ends before a small letter.
PREFIXES = {"SESv2": "SesV2"}


@dataclass(frozen=True)
class Errors:
    """The names of a service's errors: how they begin, and the one of an error without a name."""

    prefix: str
    general: str


def call(
    who: Caller,
    failure: Failure,
    service: str,
    action: str,
    arguments: Any,
    errors: Errors | None = None,
) -> Any:
    """Call an action of a service.

    Parameters
    ----------
    who
        The caller.
    failure
        Makes the error of a state.
    service, action
        Names of the SDK for Java, such as ``sfn`` and ``startSyncExecution``.
    arguments
        The action's arguments.
    errors
        The names of errors; without them, those of the SDK.

    Raises
    ------
    Exception
        By `failure`, with the error of AWS.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        model = model_of(who, service, action)
    except LookupError as unknown:
        raise failure("States.Runtime", str(unknown.args[0])) from None
    errors = errors or sdk_errors(model.service_model.service_id)
    try:
        answer = perform(who, service, action, arguments)
    except ClientError as refusal:
        details, meta = refusal.response["Error"], refusal.response["ResponseMetadata"]
        code = error_name(model.service_model, details.get("Code", ""), errors.general)
        cause = (
            f"{details.get('Message', '')} (Service: {errors.prefix}, "
            f"Status Code: {meta['HTTPStatusCode']}, Request ID: {meta.get('RequestId', '')})"
        )
        raise failure(f"{errors.prefix}.{code}", cause) from None
    except BotoCoreError as refusal:
        raise failure(f"{errors.prefix}.SdkClientException", str(refusal)) from None
    answer.pop("ResponseMetadata", None)
    return result(answer, model.output_shape) if model.output_shape else {}


def perform(who: Caller, service: str, action: str, arguments: Any) -> JsonObject:
    """Call an action of a service, by the names of the SDK for Java; return boto3's answer.

    Raises
    ------
    LookupError
        When AWS has no such service or action.
    """
    from botocore import xform_name

    model = model_of(who, service, action)
    client = who.client(model.service_model.service_name)
    given = parameters(arguments or {}, model.input_shape) if model.input_shape else {}
    answer: JsonObject = getattr(client, xform_name(model.name))(**given)
    return answer


def model_of(who: Caller, service: str, action: str) -> Any:
    """Return botocore's model of an action, by the names of the SDK for Java.

    Raises
    ------
    LookupError
        When AWS has no such service or action.
    """
    name = boto3_name(service)
    if name is None:
        raise LookupError(f"AWS has no service '{service}'.")
    model = who.client(name).meta.service_model
    operation = action[:1].upper() + action[1:]
    if operation not in model.operation_names:
        raise LookupError(f"{service} has no action '{action}'.")
    return model.operation_model(operation)


@cache
def boto3_name(service: str) -> str | None:
    """Return boto3's name of a service; nothing if AWS has no such service."""
    import botocore.session

    known = botocore.session.get_session().get_available_services()
    names = {name.replace("-", ""): name for name in known} | OTHER_NAMES
    return names.get(service.lower())


def error_name(model: Any, code: str, general: str) -> str:
    """Return the name of an error, by its code on the wire."""
    code = code.rpartition("#")[2].rpartition(".")[2]
    shape = model.shape_for_error_code(code)
    if shape is None:
        return general
    return sdk_name(shape.name.removesuffix("Fault").removesuffix("Exception")) + "Exception"


def sdk_name(name: str) -> str:
    """Return the SDK's name of a member: an acronym is a word, and the first letter is large."""
    letters = list(name[:1].upper() + name[1:])
    changed = list(letters)
    for at in range(1, len(letters)):
        is_within = at + 1 == len(letters) or not letters[at + 1].islower()
        if letters[at].isupper() and letters[at - 1].isupper() and is_within:
            changed[at] = letters[at].lower()
    return "".join(changed)


def parameters(value: Any, shape: Any) -> Any:
    """Return arguments as boto3 takes them: with the API's names, and JSON where it takes text."""
    if shape.type_name == "structure" and isinstance(value, dict):
        known = {sdk_name(name): name for name in shape.members}
        named = {
            key if key in shape.members else known.get(key, key): v for key, v in value.items()
        }
        return {
            key: parameters(v, shape.members[key]) if key in shape.members else v
            for key, v in named.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [parameters(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: parameters(item, shape.value) for key, item in value.items()}
    if shape.type_name == "string" and isinstance(value, dict | list):
        return json.dumps(value)
    if shape.type_name == "blob" and not isinstance(value, bytes):
        return (value if isinstance(value, str) else json.dumps(value)).encode()
    return value


def result(value: Any, shape: Any) -> Any:
    """Return an answer as a state gets it: JSON with the SDK's names."""
    if isinstance(value, dict):
        if shape.type_name == "structure":
            return {sdk_name(key): result(v, shape.members[key]) for key, v in value.items()}
        return {key: result(v, shape.value) for key, v in value.items()}
    if isinstance(value, list):
        return [result(item, shape.member) for item in value]
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
    if hasattr(value, "read"):
        value = value.read()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def sdk_errors(service_id: str) -> Errors:
    """Return the names of a service's errors in the SDK, by the service's id in its model."""
    prefix = "".join(PREFIXES.get(word) or sdk_name(word) for word in service_id.split())
    return Errors(prefix, f"{prefix}Exception")
