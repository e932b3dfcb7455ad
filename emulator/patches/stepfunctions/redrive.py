"""RedriveExecution: an ended execution continues.

It continues from the state in which it ended, with that state's input from the history, as the same
execution. Retries start from zero, and variables keep the values that states assigned.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from emulator.patches.stepfunctions import interpreter, scopes
from emulator.patches.stepfunctions.executions import refusal
from emulator.patches.stepfunctions.kinds import refusal_of_express
from emulator.patches.stepfunctions.limits import HISTORY_EVENTS

Answer = tuple[int, dict[str, str], Any]
Handle = Callable[..., Awaitable[Answer]]
Execution = dict[str, Any]

TARGET = "AWSStepFunctions.RedriveExecution"
UNSUCCESSFUL = ("FAILED", "TIMED_OUT", "ABORTED")
#: The variables of each execution, by its ARN.
_variables: dict[str, dict[str, Any]] = {}


def apply() -> None:
    """Replace MiniStack's request handler."""
    from ministack.services import stepfunctions

    stepfunctions.handle_request = with_redrive(stepfunctions.handle_request, stepfunctions)
    stepfunctions._apply_state_assign = remembered(stepfunctions._apply_state_assign)


def remembered(assign: Callable[..., None]) -> Callable[..., None]:
    """Return MiniStack's assignment of variables, which a redriven execution still knows."""

    def assign_and_remember(state: Any, value: Any, context: Any, **more: Any) -> None:
        assign(state, value, context, **more)
        # Those of a branch end with it.
        if context and context.get("variables") and not scopes.current().is_branch:
            _variables[context["Execution"]["Id"]] = dict(context["variables"])

    return assign_and_remember


def with_redrive(handle: Handle, machines: Any) -> Handle:
    """Return MiniStack's request handler, extended by RedriveExecution.

    Parameters
    ----------
    handle
        MiniStack's handler; gets every other request.
    machines
        MiniStack's Step Functions.
    """

    async def handle_all(method: str, path: str, headers: Any, body: Any, query: Any) -> Answer:
        if headers.get("x-amz-target") != TARGET:
            return await handle(method, path, headers, body, query)
        arn = json.loads(body).get("executionArn")
        if refused := refusal_of_express(machines, arn):
            return refused
        execution = machines._executions.get(arn)
        if execution is None:
            return refusal(machines, "ExecutionDoesNotExist", f"Execution {arn} not found")
        if execution["status"] not in UNSUCCESSFUL:
            message = f"Execution is {execution['status']} and cannot be redriven"
            return refusal(machines, "ExecutionNotRedrivable", message)
        if len(execution["events"]) >= HISTORY_EVENTS - 1:
            message = "The history of the execution has too many events for a redrive"
            return refusal(machines, "ExecutionNotRedrivable", message)
        at = machines.now_iso()
        states = interpreter.definition_of(machines, execution)["States"]
        name, value = interrupted(execution["events"], states)
        redriven = execution.get("redriveCount", 0) + 1
        execution.update(
            status="RUNNING", stopDate=None, output=None, redriveCount=redriven, redriveDate=at
        )
        execution.pop("error", None)
        execution.pop("cause", None)
        details = {"executionRedrivenEventDetails": {"redriveCount": redriven}}
        machines._add_event(execution, "ExecutionRedriven", details)
        interpreter.publish(machines, execution)
        variables = dict(_variables.get(arn, {}))
        interpreter.start(machines, execution, name, value, variables)
        answer: Answer = machines._finalize_response(machines.json_response({"redriveDate": at}))
        return answer

    return handle_all


def interrupted(events: list[Any], states: Any) -> tuple[str, Any]:
    """Return the last state that was entered, and its input; a Parallel restarts all branches."""
    entered = [e["stateEnteredEventDetails"] for e in events if e["type"].endswith("StateEntered")]
    details = [found for found in entered if found["name"] in states][-1]
    return details["name"], json.loads(details["input"])
