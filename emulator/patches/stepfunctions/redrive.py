"""RedriveExecution: an ended execution continues.

It continues from the state in which it ended, with that state's input from the history, as the same
execution. Retries start from zero, and variables keep the values that states assigned.
"""

from __future__ import annotations

import contextvars
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

Answer = tuple[int, dict[str, str], Any]
Handle = Callable[..., Awaitable[Answer]]
Execution = dict[str, Any]

TARGET = "AWSStepFunctions.RedriveExecution"
UNSUCCESSFUL = ("FAILED", "TIMED_OUT", "ABORTED")
#: The states whose interpreter takes the execution too.
NESTED = ("Task", "Parallel", "Map")
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
        if context and context.get("variables"):
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
        execution = machines._executions.get(arn)
        if execution is None:
            return refusal(machines, "ExecutionDoesNotExist", f"Execution {arn} not found")
        if execution["status"] not in UNSUCCESSFUL:
            message = f"Execution is {execution['status']} and cannot be redriven"
            return refusal(machines, "ExecutionNotRedrivable", message)
        at = machines.now_iso()
        machine = machines._state_machines[execution["stateMachineArn"]]
        name, value = interrupted(execution["events"], json.loads(machine["definition"])["States"])
        redriven = execution.get("redriveCount", 0) + 1
        execution.update(status="RUNNING", stopDate=None, output=None, redriveCount=redriven)
        execution.pop("error", None)
        execution.pop("cause", None)
        details = {"executionRedrivenEventDetails": {"redriveCount": redriven}}
        machines._add_event(execution, "ExecutionRedriven", details)
        # Context variables carry the account and region of the request.
        work = contextvars.copy_context()
        arguments = (go_on, machines, execution, name, value)
        threading.Thread(target=work.run, args=arguments, daemon=True).start()
        answer: Answer = machines._finalize_response(machines.json_response({"redriveDate": at}))
        return answer

    return handle_all


def refusal(machines: Any, code: str, message: str) -> Answer:
    """Return an error as Step Functions gives it."""
    answer: Answer = machines.error_response_json(code, message, 400)
    return answer


def interrupted(events: list[Any], states: Any) -> tuple[str, Any]:
    """Return the last state that was entered, and its input; a Parallel restarts all branches."""
    entered = [e["stateEnteredEventDetails"] for e in events if e["type"].endswith("StateEntered")]
    details = [found for found in entered if found["name"] in states][-1]
    return details["name"], json.loads(details["input"])


def go_on(machines: Any, execution: Execution, name: str | None, value: Any) -> None:
    """Interpret the states from one on, as MiniStack interprets them from the first on."""
    machine = machines._state_machines[execution["stateMachineArn"]]
    definition = json.loads(machine["definition"])
    context = {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "StartTime": execution["startDate"],
        },
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": dict(_variables.get(execution["executionArn"], {})),
    }
    try:
        while name and execution["status"] == "RUNNING":
            name, value = step(machines, execution, definition["States"], name, value, context)
        if execution["status"] == "RUNNING":
            output = json.dumps(value)
            execution.update(status="SUCCEEDED", output=output, stopDate=machines.now_iso())
            details = {"executionSucceededEventDetails": {"output": output}}
            machines._add_event(execution, "ExecutionSucceeded", details)
            machines._emit_execution_status_event(execution)
    except machines._ExecutionError as error:
        machines._fail_execution(execution, error.error, error.cause)
    except Exception as error:  # as MiniStack does: an execution must end
        machines._fail_execution(execution, "States.Runtime", str(error))


def step(
    machines: Any, execution: Execution, states: Any, name: str, value: Any, context: Any
) -> tuple[str | None, Any]:
    """Interpret one state; return the next one's name and input."""
    state = states[name]
    kind = state["Type"]
    context["State"] = {"Name": name, "EnteredTime": machines.now_iso(), "RetryCount": 0}
    entered = {"stateEnteredEventDetails": {"name": name, "input": json.dumps(value)}}
    machines._add_event(execution, f"{kind}StateEntered", entered)
    following = None
    if kind == "Fail":
        raise machines._ExecutionError(*machines._fail_state_error(state, value, context))
    if kind == "Succeed":
        value = machines._apply_input_path(state, value, context)
        value = machines._apply_output_path(state, value, context)
    else:
        interpret = getattr(machines, f"_execute_{kind.lower()}")
        arguments = (execution, context) if kind in NESTED else (context,)
        value, following = interpret(state, value, *arguments)
    exited = {"stateExitedEventDetails": {"name": name, "output": json.dumps(value)}}
    machines._add_event(execution, f"{kind}StateExited", exited)
    return following, value
