"""The sizes that Step Functions accepts, and the errors that end an execution in any case.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from emulator.patches.stepfunctions import interpreter
from emulator.patches.stepfunctions.executions import refusal
from emulator.patches.stepfunctions.scopes import Stopped

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]
Operation = Callable[[JsonObject], Answer]

#: Of the input, output and result of a state, and of the input of an execution: 256 KiB of UTF-8.
PAYLOAD_BYTES = 262_144
#: Of a Standard execution; the last one must be its end.
HISTORY_EVENTS = 25_000
ENDS = frozenset(kind for kind, _ in interpreter.ENDS.values())
TOO_LARGE = "States.DataLimitExceeded"
RUNTIME = "States.Runtime"


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import stepfunctions as machines

    machines._error_matches = matches(machines._error_matches)
    machines._add_event = bounded(machines, with_limited_exits(machines, machines._add_event))
    machines._invoke_resource = with_limited_data(machines, machines._invoke_resource)
    for name in ("_apply_jsonata_output", "_apply_output_path"):
        setattr(machines, name, with_limited_output(machines, getattr(machines, name)))
    for name, field in (
        ("_start_execution", "input"),
        ("_start_sync_execution", "input"),
        ("_send_task_success", "output"),
    ):
        setattr(machines, name, refusing_large(machines, getattr(machines, name), field))


def size_of(value: Any) -> int:
    """Return the bytes of a value as JSON without spaces."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "surrogatepass"))


def check(machines: Any, value: Any, name: str) -> None:
    """Check the size of what a state or a task got or returned.

    Raises
    ------
    machines._ExecutionError
        ``States.DataLimitExceeded`` when it is too large.
    """
    if size_of(value) > PAYLOAD_BYTES:
        cause = (
            f"The state/task '{name}' returned a result with a size exceeding the maximum number "
            "of bytes service limit."
        )
        raise machines._ExecutionError(TOO_LARGE, cause)


def matches(known: Callable[[Any, str], bool]) -> Callable[[Any, str], bool]:
    """Return MiniStack's test of ``ErrorEquals``, in which wildcards omit the terminal errors.

    ``States.Runtime`` cannot be handled at all, ``States.DataLimitExceeded`` by its name only.
    """

    def error_matches(names: Any, error: str) -> bool:
        if error == RUNTIME:
            return False
        if error == TOO_LARGE:
            return error in names
        return known(names, error)

    return error_matches


def bounded(machines: Any, add: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's writing of an event, which fails an execution with a full history."""

    def add_event(execution: JsonObject, kind: str, details: Any = None) -> Any:
        is_last = len(execution["events"]) >= HISTORY_EVENTS - 1
        is_standard = ":express:" not in execution["executionArn"]
        if is_last and is_standard and kind not in ENDS:
            cause = (
                f"The execution reached the maximum number of history events ({HISTORY_EVENTS})."
            )
            interpreter.end(machines, execution, "FAILED", error=RUNTIME, cause=cause)
            raise Stopped
        return add(execution, kind, details)

    return add_event


def with_limited_exits(machines: Any, add: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's writing of an event, which refuses the large output of any state."""

    def add_event(execution: JsonObject, kind: str, details: Any = None) -> Any:
        if kind.endswith("StateExited"):
            exited = details["stateExitedEventDetails"]
            # MiniStack's text has spaces and escapes, so it is never shorter than AWS's.
            if len(exited["output"]) > PAYLOAD_BYTES:
                check(machines, json.loads(exited["output"]), exited["name"])
        return add(execution, kind, details)

    return add_event


def with_limited_data(machines: Any, invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's call of a task, with limits of its arguments and its result."""

    def invoke_resource(resource: str, arguments: Any) -> Any:
        check(machines, arguments, resource)
        result = invoke(resource, arguments)
        check(machines, result, resource)
        return result

    return invoke_resource


def with_limited_output(machines: Any, evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's evaluation of a state's output, with a limit of its size."""

    def output(state: JsonObject, value: Any, context: Any = None, **more: Any) -> Any:
        found = evaluate(state, value, context, **more)
        check(machines, found, str(((context or {}).get("State") or {}).get("Name")))
        return found

    return output


def refusing_large(machines: Any, operation: Operation, field: str) -> Operation:
    """Return an operation of MiniStack that refuses a text above the limit."""

    def refuse_or_do(data: JsonObject) -> Answer:
        if len(str(data.get(field) or "").encode("utf-8", "surrogatepass")) > PAYLOAD_BYTES:
            message = (
                f"1 validation error detected: Value at '{field}' failed to satisfy constraint: "
                f"Member must have length less than or equal to {PAYLOAD_BYTES}"
            )
            return refusal(machines, "ValidationException", message)
        return operation(data)

    return refuse_or_do
