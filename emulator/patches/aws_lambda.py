"""Lambda.

- ``error-names``: every exception of a Python function has the type ``Runtime.HandlerError``, so no
  ``Retry`` or ``Catch`` of a state machine could distinguish them.
- ``version-concurrency``: the reserved concurrency of a function does not apply to its versions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.settings import Settings

GAPS = ("error-names", "version-concurrency")
#: How MiniStack's messages begin when the process of a function ended before it answered.
DIED = ("Worker process ", "Worker returned no response", "[Errno 32] Broken pipe")
#: How its message begins when the module of a function cannot be imported.
BAD_CODE = "Worker init failed"

JsonObject = dict[str, Any]
Execute = Callable[[Any, Any, str], JsonObject]


def apply(_: Settings) -> None:
    """Close the gaps."""
    from ministack.services import lambda_svc

    lambda_svc._execute_function_warm = name_errors(lambda_svc._execute_function_warm)
    lambda_svc._reserved_concurrency = of_all_versions(
        lambda_svc._reserved_concurrency, lambda_svc._functions
    )


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


def name_errors(execute: Execute) -> Execute:
    """Return MiniStack's call of a Python function, with the exception's name in its errors.

    MiniStack gives every error the type ``Runtime.HandlerError`` and puts the traceback into
    the log that goes with the answer; there the name is found. A process that died has left none.
    """

    def execute_and_name(function: Any, event: Any, request_id: str) -> JsonObject:
        result = execute(function, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict):
            message, log = str(body.get("errorMessage")), result.get("log", "")
            # Without a log it is MiniStack's own error: it met a process that was gone.
            own = not log and body.get("errorType") != "Runtime.HandlerError"
            if message.startswith(DIED) or (own and not message.startswith(BAD_CODE)):
                body["errorType"] = "Runtime.ExitError"
            elif body.get("errorType") == "Runtime.HandlerError":
                body["errorType"] = exception_name(log) or body["errorType"]
        return result

    return execute_and_name


def exception_name(log: str) -> str | None:
    """Return the class of the exception whose traceback ends a log.

    The first line of a traceback that is not indented gives it: ``package.module.Name: message``.
    """
    _, found, traceback = log.rpartition("Traceback (most recent call last):\n")
    lines = (line for line in traceback.splitlines() if line and not line.startswith(" "))
    last = next(lines, "") if found else ""
    return last.partition(":")[0].rpartition(".")[2] or None
