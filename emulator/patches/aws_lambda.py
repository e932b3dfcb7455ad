"""Lambda.

Python functions run in `emulator.function_host` in place of MiniStack's workers.

- ``error-names``: every exception has the type ``Runtime.HandlerError``, so no ``Retry`` or
  ``Catch`` of a state machine could distinguish them.
- ``lasting-environments``: an exception ends the process, so the next invocation starts cold.
- ``own-libraries``: functions can import the emulator's libraries, so a library that is missing in
  a package is not noticed.
- ``fast-starts``: a cold start takes half a second, a warm call that logs nothing 50 ms.
- ``alias-actions``: getting, changing and deleting an alias needs the right to list them.
- ``alias-weights``: an alias calls its main version only, whatever the weights of another one.
- ``version-concurrency``: the reserved concurrency of a function does not apply to its versions.
- ``json-logs``: a function whose log format is JSON logs its errors and reports as text.
- ``rights-of-function-logs``: a function logs whatever its role may do.
- ``trust-of-functions``: a function takes any role, whatever service the role trusts.
- ``metrics-of-calls``: only direct calls count as invocations, those of other services do not.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from emulator.function_host import run_python_functions
from emulator.policies import role_refusal, trust_refusal
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "alias-actions": "Each call on an alias has a right of its own.",
    "alias-weights": "An alias calls both of its versions, in the ratio of their weights.",
    "error-names": "The error of a function has the name of its exception.",
    "lasting-environments": "An exception leaves the environment of a function warm.",
    "own-libraries": "A function imports its package, its layers and what the runtime holds.",
    "fast-starts": "A cold start takes a few hundred milliseconds, a warm call a few.",
    "version-concurrency": "Reserved concurrency limits a function with all of its versions.",
    "json-logs": "With ``LogFormat`` JSON, each line of the runtime is an object.",
    "rights-of-function-logs": "A function without the right to write its log leaves no line.",
    "trust-of-functions": "The role of a function must trust Lambda.",
    "metrics-of-calls": "``Invocations`` and ``Errors`` count the calls of every caller.",
}

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]

SERVICE = "lambda.amazonaws.com"


def apply(settings: Settings) -> None:
    """Close the gaps."""
    from ministack.core import iam_actions, lambda_runtime
    from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

    folder = settings.at_exit.enter_context(tempfile.TemporaryDirectory(prefix="functions-"))
    host = run_python_functions(Path(folder), lambda_runtime, lambda_svc)
    settings.at_exit.callback(host.server.close)
    iam_actions._lambda_action = naming_aliases(iam_actions._lambda_action)
    lambda_svc._create_function = with_trust(
        lambda_svc._create_function, lambda data: data, lambda_svc
    )
    lambda_svc._update_config = with_trust(
        lambda_svc._update_config, lambda name, data: {**data, "FunctionName": name}, lambda_svc
    )
    # Direct calls, and those of other services.
    lambda_svc._invoke = weighing_calls(lambda_svc._invoke, lambda_svc)
    lambda_svc._get_func_record_for_ref = weighing_references(
        lambda_svc._get_func_record_for_ref, lambda_svc
    )
    lambda_svc._reserved_concurrency = of_all_versions(
        lambda_svc._reserved_concurrency, lambda_svc._functions
    )
    lambda_svc._emit_lambda_logs = where_allowed(lambda_svc._emit_lambda_logs)
    lambda_svc._emit_lambda_metrics = for_refusals_only(lambda_svc._emit_lambda_metrics)
    lambda_svc._execute_function_dispatch = watched(
        lambda_svc._execute_function_dispatch, cloudwatch.record_metric, cloudwatch_logs
    )


def with_trust(
    change: Callable[..., Answer], fields: Callable[..., JsonObject], functions: Any
) -> Callable[..., Answer]:
    """Return MiniStack's creation or update of a function, whose role must trust Lambda.

    Parameters
    ----------
    change
        MiniStack's function.
    fields
        Returns the fields of a request.
    functions
        MiniStack's ``lambda_svc``.
    """

    def change_trusted(*request: Any) -> Answer:
        data = fields(*request)
        role = str(data.get("Role") or "")
        if ":role/" in role:
            arn = functions._func_arn(data.get("FunctionName"))
            keys = {"aws:SourceArn": arn, "aws:SourceAccount": arn.split(":")[4]}
            if trust_refusal(role, SERVICE, keys):
                text = "The role defined for the function cannot be assumed by Lambda."
                refused: Answer = functions.error_response_json(
                    "InvalidParameterValueException", text, 400
                )
                return refused
        return change(*request)

    return change_trusted


def naming_aliases(action: Callable[[str, str], str | None]) -> Callable[[str, str], str | None]:
    """Return MiniStack's name of a request's action, which knows those on one alias."""
    actions = {"GET": "GetAlias", "PUT": "UpdateAlias", "DELETE": "DeleteAlias"}

    def action_of(method: str, path: str) -> str | None:
        if re.search(r"/functions/[^/]+/aliases/[^/]+$", path):
            return actions.get(method)
        return action(method, path)

    return action_of


def chosen(function: JsonObject, qualifier: str | None) -> str | None:
    """Return the additional version of an alias in as many of the cases as its weight says."""
    alias = (function.get("aliases") or {}).get(qualifier) or {}
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    for version, weight in weights.items():
        if random.random() < weight and version in function["versions"]:  # noqa: S311
            return str(version)
    return None


def weighing_calls(invoke: Callable[..., Any], functions: Any) -> Callable[..., Any]:
    """Return MiniStack's answer to Invoke, which an additional version of an alias may give.

    Parameters
    ----------
    invoke
        MiniStack's function.
    functions
        MiniStack's ``lambda_svc``.
    """

    async def invoke_one(
        name: str,
        event: Any,
        headers: Any,
        path_qualifier: str | None = None,
        query_params: Any = None,
    ) -> Any:
        qualifier = functions._qualifier_from_path_or_query(path_qualifier, query_params)
        version = chosen(functions._functions.get(name) or {}, qualifier)
        return await invoke(name, event, headers, version or path_qualifier, query_params)

    return invoke_one


def weighing_references(find: Callable[[str], Any], functions: Any) -> Callable[[str], Any]:
    """Return MiniStack's lookup of a function that a service calls, by name or ARN.

    Parameters
    ----------
    find
        MiniStack's function.
    functions
        MiniStack's ``lambda_svc``.
    """

    def find_one(reference: str) -> Any:
        record, config, name = find(reference)
        function = functions._functions.get(name) or {}
        version = chosen(function, str(reference).rpartition(":")[2])
        if record is None or version is None:
            return record, config, name
        other = function["versions"][version]
        return other, other["config"], name

    return find_one


def of_all_versions(reserved: Callable[..., int | None], functions: Any) -> Callable[..., Any]:
    """Return MiniStack's lookup of a function's reserved concurrency, extended to its versions.

    Versions share the limit of their function, and an alias calls a version.

    Parameters
    ----------
    reserved
        MiniStack's function.
    functions
        The functions by their names.
    """

    def of_the_function(function: JsonObject, config: JsonObject) -> int | None:
        return reserved(functions.get(config.get("FunctionName")) or function, config)

    return of_the_function


def where_allowed(write: Callable[..., None]) -> Callable[..., None]:
    """Return MiniStack's writing of a log as text, for functions that may and do not log JSON."""

    def write_text(function: JsonObject, *rest: Any, **more: Any) -> None:
        if not logs_json(function) and may_log(function.get("config") or function):
            write(function, *rest, **more)

    return write_text


def may_log(config: JsonObject) -> bool:
    """Return whether the role of a function has the rights to write its log."""
    place = ":".join(config["FunctionArn"].split(":")[3:5])
    resource = f"arn:aws:logs:{place}:log-group:{log_group(config)}:log-stream:a-stream"
    return not any(
        role_refusal(config["Role"], action, resource)
        for action in ("logs:CreateLogStream", "logs:PutLogEvents")
    )


def log_group(config: JsonObject) -> str:
    """Return the name of a function's log group."""
    given = (config.get("LoggingConfig") or {}).get("LogGroup")
    return given or f"/aws/lambda/{config['FunctionName']}"


def for_refusals_only(record: Callable[..., None]) -> Callable[..., None]:
    """Return MiniStack's recording of metrics, which records refused invocations alone.

    It records each refusal twice, the second time with the duration of the call.
    """

    def record_refusal(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle and not duration_ms:
            record(name, duration_ms=duration_ms, error=error, throttle=throttle)

    return record_refusal


def watched(
    run: Callable[..., JsonObject], record: Callable[..., None], logs: Any
) -> Callable[..., JsonObject]:
    """Return MiniStack's execution of a function, which leaves metrics and a log of JSON.

    Parameters
    ----------
    run
        MiniStack's function.
    record
        Records a point of a metric.
    logs
        MiniStack's ``cloudwatch_logs``.
    """

    def run_watched(
        function: JsonObject, config: JsonObject, event: Any, request_id: str, started: float
    ) -> JsonObject:
        result = run(function, config, event, request_id, started)
        ended = time.time()
        dimensions = {"FunctionName": config["FunctionName"]}
        for name, value, unit in (
            ("Invocations", 1.0, "Count"),
            ("Errors", float(bool(result.get("error"))), "Count"),
            ("Throttles", 0.0, "Count"),
            ("Duration", (ended - started) * 1000, "Milliseconds"),
        ):
            record("AWS/Lambda", name, value, unit, dimensions)
        if logs_json(function) and may_log(config):
            lines = list(json_lines(config, result, request_id, started, ended))
            write_lines(logs, config, lines, round(ended * 1000))
        return result

    return run_watched


def logs_json(function: JsonObject) -> bool:
    """Return whether a function's log format is JSON."""
    config = function.get("config") or function
    return (config.get("LoggingConfig") or {}).get("LogFormat") == "JSON"


def json_lines(
    config: JsonObject, result: JsonObject, request_id: str, started: float, ended: float
) -> Iterator[str]:
    """Yield the lines of one invocation: Lambda's, the function's and the runtime's.

    The forms are those of
    https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html.
    """
    begin = {
        "requestId": request_id,
        "functionArn": config.get("FunctionArn", ""),
        "version": config.get("Version", "$LATEST"),
    }
    yield json.dumps({"time": iso(started), "type": "platform.start", "record": begin})
    yield from (result.get("output") or result.get("log") or "").splitlines()
    body = result.get("body")
    error = body if result.get("error") and isinstance(body, dict) else {}
    kind = str(error.get("errorType", ""))
    trace = result.get("trace")
    if error and trace is not None:
        yield json.dumps(
            {
                "timestamp": iso(ended),
                "level": "ERROR",
                "errorMessage": error.get("errorMessage", ""),
                "errorType": kind,
                "requestId": request_id,
                "stackTrace": trace.splitlines(),
            }
        )
    milliseconds = (ended - started) * 1000
    report: JsonObject = {
        "requestId": request_id,
        "metrics": {
            "durationMs": round(milliseconds, 3),
            "billedDurationMs": round(milliseconds + 0.5),
            "memorySizeMB": config.get("MemorySize", 128),
            "maxMemoryUsedMB": config.get("MemorySize", 128),
        },
        "status": "success",
    }
    if error:
        report["status"] = "timeout" if kind == "Sandbox.Timedout" else "error"
        if trace is None:
            report["errorType"] = kind
    yield json.dumps({"time": iso(ended), "type": "platform.report", "record": report})


def write_lines(logs: Any, config: JsonObject, lines: list[str], milliseconds: int) -> None:
    """Write the lines of an invocation to a new stream of the function's log group."""
    group = log_group(config)
    day = datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y/%m/%d")
    stream = f"{day}/[{config.get('Version', '$LATEST')}]{uuid4().hex}"
    if group not in logs._log_groups:
        logs._create_log_group({"logGroupName": group})
    logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    events = [
        {"timestamp": milliseconds, "message": line, "ingestionTime": milliseconds}
        for line in lines
    ]
    logs._append_log_events(logs._log_groups[group]["streams"][stream], events)
    logs._fanout_to_subscription_filters(group, stream, events)


def iso(seconds: float) -> str:
    """Return a time as Lambda writes it."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
