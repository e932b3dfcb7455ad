"""Express state machines: which requests they refuse, and which tasks.

https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from emulator.patches.stepfunctions.executions import NOT_OF_THIS_TYPE, WRONG_TYPE, refusal

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]
Operation = Callable[[JsonObject], Answer]

#: Operations on an execution that know Standard ones only.
OF_EXECUTIONS = (
    "_describe_execution",
    "_describe_state_machine_for_execution",
    "_get_execution_history",
    "_list_map_runs",
    "_stop_execution",
)
WAITING = (".sync", ".waitForTaskToken")


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import stepfunctions as machines

    for name in OF_EXECUTIONS:
        setattr(machines, name, of_standard_executions(machines, getattr(machines, name)))
    machines._list_executions = of_standard_machines(machines, machines._list_executions)
    for name in ("_create_state_machine", "_update_state_machine"):
        setattr(machines, name, refusing_waits(machines, getattr(machines, name)))


def refusal_of_express(machines: Any, arn: Any) -> Answer | None:
    """Return why an operation does not take an execution; nothing for a Standard one."""
    if ":express:" not in str(arn):
        return None
    message = "Invalid Arn: 'Resource type not valid in this context: express'"
    return refusal(machines, "InvalidArn", message)


def of_standard_executions(machines: Any, operation: Operation) -> Operation:
    """Return an operation of MiniStack that refuses Express executions."""

    def refuse_or_do(data: JsonObject) -> Answer:
        return refusal_of_express(machines, data.get("executionArn")) or operation(data)

    return refuse_or_do


def of_standard_machines(machines: Any, operation: Operation) -> Operation:
    """Return an operation of MiniStack that refuses Express state machines."""

    def refuse_or_do(data: JsonObject) -> Answer:
        arn = machines._resolve_state_machine_arn(data.get("stateMachineArn"))
        if (machines._state_machines.get(arn) or {}).get("type") == "EXPRESS":
            return refusal(machines, WRONG_TYPE, NOT_OF_THIS_TYPE)
        return operation(data)

    return refuse_or_do


def refusing_waits(machines: Any, operation: Operation) -> Operation:
    """Return a creation or update of a state machine that refuses waits in Express ones.

    They can wait neither for a job nor for a token.
    """

    def refuse_or_do(data: JsonObject) -> Answer:
        before = machines._state_machines.get(data.get("stateMachineArn")) or {}
        if (before.get("type") or data.get("type")) == "EXPRESS":
            for place, pattern in waits(data.get("definition") or "{}"):
                message = (
                    "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Express state "
                    f"machine does not support '{pattern}' service integration at {place}/Resource'"
                )
                return refusal(machines, "InvalidDefinition", message)
        return operation(data)

    return refuse_or_do


def waits(definition: str) -> Iterator[tuple[str, str]]:
    """Yield where a definition has a task that waits, and for what."""
    try:
        parts = [("", json.loads(definition))]
    except ValueError:
        return
    while parts:
        place, part = parts.pop()
        children = part.items() if isinstance(part, dict) else enumerate(part)
        for key, value in children:
            if isinstance(value, dict | list):
                parts.append((f"{place}/{key}", value))
            elif key == "Resource" and isinstance(value, str):
                yield from ((place, pattern) for pattern in WAITING if pattern in value)
