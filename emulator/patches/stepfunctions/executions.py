"""StartExecution, StopExecution and nested executions as AWS has them.

A name belongs to one execution: the same input while it runs gives the same answer, everything else
is refused. An Express execution has no unique name, and its ARN has the form of
``arn:aws:states:region:account:express:machine:name:id``.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from emulator.patches.stepfunctions import interpreter, scopes, versions
from emulator.patches.stepfunctions.interpreter import epoch_milliseconds, moment
from emulator.patches.stepfunctions.scopes import Stopped

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]

EXPRESS_MEGABYTES = 64
EXPRESS_MILLISECONDS = 100
WRONG_TYPE = "StateMachineTypeNotSupported"
NOT_OF_THIS_TYPE = "This operation is not supported by this type of state machine"


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import stepfunctions as machines

    machines._start_execution = partial(start, machines)
    machines._start_sync_execution = partial(start_and_wait, machines)
    machines._stop_execution = partial(stop, machines)
    machines._invoke_nested_start_execution = partial(start_nested, machines)
    machines._invoke_nested_start_execution_sync = partial(run_nested, machines)


def start(machines: Any, data: JsonObject) -> Answer:
    """Answer ``StartExecution``."""
    found = machine_of(machines, data)
    if isinstance(found, tuple):
        return found
    execution = new_execution(machines, found, data)
    arn = execution["executionArn"]
    before = machines._executions.get(arn)
    if before is not None:
        if before["status"] != "RUNNING" or before["input"] != execution["input"]:
            message = f"Execution Already Exists: '{arn}'"
            return refusal(machines, "ExecutionAlreadyExists", message)
        execution = before
    else:
        machines._executions[arn] = execution
        interpreter.start(machines, execution)
    return answer(machines, {"executionArn": arn, "startDate": execution["startDate"]})


def start_and_wait(machines: Any, data: JsonObject) -> Answer:
    """Answer ``StartSyncExecution``."""
    found = machine_of(machines, data)
    if isinstance(found, tuple):
        return found
    if found["type"] != "EXPRESS":
        return refusal(machines, WRONG_TYPE, NOT_OF_THIS_TYPE)
    execution = new_execution(machines, found, data)
    machines._executions[execution["executionArn"]] = execution
    scopes.current().wait_for(interpreter.start(machines, execution).ended)
    names = ("executionArn", "stateMachineArn", "name", "startDate", "stopDate", "status")
    answered = {name: execution[name] for name in (*names, "input", "inputDetails")}
    # An execution that failed has no output.
    for name in ("output", "error", "cause"):
        if execution.get(name) is not None:
            answered[name] = execution[name]
    if "output" in answered:
        answered["outputDetails"] = {"included": True}
    return answer(machines, {**answered, "billingDetails": billing(execution)})


def billing(execution: JsonObject) -> JsonObject:
    """Return what AWS charges for an Express execution."""
    took = moment(execution["stopDate"]) - moment(execution["startDate"])
    units = max(1, math.ceil(took.total_seconds() * 1000 / EXPRESS_MILLISECONDS))
    return {
        "billedMemoryUsedInMB": EXPRESS_MEGABYTES,
        "billedDurationInMilliseconds": units * EXPRESS_MILLISECONDS,
    }


def machine_of(machines: Any, data: JsonObject) -> JsonObject | Answer:
    """Return the state machine that a request names, or why there is none."""
    arn = str(data.get("stateMachineArn", "")).partition("#")[0]
    found: JsonObject | None = machines._state_machines.get(
        machines._resolve_state_machine_arn(arn)
    )
    if found is None:
        return refusal(
            machines, "StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'"
        )
    try:
        json.loads(data.get("input", "{}"))
    except ValueError as error:
        message = f"Invalid State Machine Execution Input: '{error}'"
        return refusal(machines, "InvalidExecutionInput", message)
    return found


def new_execution(machines: Any, machine: JsonObject, data: JsonObject) -> JsonObject:
    """Return the record of an execution that starts now, as MiniStack keeps it."""
    arn, _, test_case = str(data["stateMachineArn"]).partition("#")
    name = data.get("name") or machines.new_uuid()
    own = machine["stateMachineArn"].split(":stateMachine:")
    if machine["type"] == "EXPRESS":
        execution_arn = f"{own[0]}:express:{own[1]}:{name}:{machines.new_uuid()}"
    else:
        execution_arn = f"{own[0]}:execution:{own[1]}:{name}"
    text = data.get("input", "{}")
    origin = versions.origin_of(machines, arn)
    version = machines._state_machine_versions.get(origin.get(versions.VERSION))
    started = {"input": text, "roleArn": (version or machine)["roleArn"]}
    now = machines.now_iso()
    return {
        "executionArn": execution_arn,
        "stateMachineArn": machine["stateMachineArn"],
        **origin,
        "name": name,
        "status": "RUNNING",
        "startDate": now,
        "stopDate": None,
        "input": text,
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": {"included": True},
        "testCase": test_case,
        "mockAttempts": {},
        "encryptionConfiguration": copy.deepcopy(
            (version or machine).get("encryptionConfiguration") or machines._default_encryption()
        ),
        "events": [
            {
                "id": 1,
                "type": "ExecutionStarted",
                "timestamp": now,
                "previousEventId": 0,
                "executionStartedEventDetails": started,
            }
        ],
    }


def stop(machines: Any, data: JsonObject) -> Answer:
    """Answer ``StopExecution``; one that ended before stays as it is."""
    arn = data.get("executionArn")
    execution = machines._executions.get(arn)
    if execution is None:
        return refusal(machines, "ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    given = {key: data[key] for key in ("error", "cause") if data.get(key) is not None}
    interpreter.end(machines, execution, "ABORTED", **given)
    return answer(machines, {"stopDate": execution["stopDate"]})


def start_nested(machines: Any, _: str, arguments: Any) -> JsonObject:
    """Start the execution of a task, without waiting for its end."""
    started = started_by(machines, machines._start_execution, arguments)
    return {"ExecutionArn": started["executionArn"], "StartDate": started["startDate"]}


def run_nested(machines: Any, resource: str, arguments: Any) -> JsonObject:
    """Run the execution of a task, and stop it when the task's own execution ends before.

    Raises
    ------
    machines._ExecutionError
        ``States.TaskFailed`` with the description of an execution that failed.
    """
    asked = machines._nested_start_execution_request(arguments)
    found = machine_of(machines, asked)
    if isinstance(found, dict) and found["type"] == "EXPRESS":
        raise error_of(machines, WRONG_TYPE, NOT_OF_THIS_TYPE)
    started = started_by(machines, machines._start_execution, arguments)
    execution = machines._executions[started["executionArn"]]
    ended = interpreter.run_of(execution).ended if execution["status"] == "RUNNING" else None
    try:
        # It may have ended since, and then its run is not known any more.
        if ended and execution["status"] == "RUNNING":
            scopes.current().wait_for(ended)
    except Stopped:
        cause = "The execution that started it has ended, or waits no longer."
        interpreter.end(machines, execution, "ABORTED", cause=cause)
        raise
    description = described(execution, is_json=resource.endswith(":2"))
    if execution["status"] != "SUCCEEDED":
        raise machines._ExecutionError("States.TaskFailed", json.dumps(description))
    return description


def started_by(machines: Any, begin: Callable[[JsonObject], Answer], arguments: Any) -> JsonObject:
    """Return the answer to the start of an execution by a task."""
    status, _, body = begin(machines._nested_start_execution_request(arguments))
    found: JsonObject = json.loads(body)
    if status != 200:
        raise error_of(machines, found["__type"], found["message"])
    return found


def error_of(machines: Any, code: str, message: str) -> Exception:
    """Return an error of Step Functions as the error of a task."""
    name = code.removesuffix("Exception")
    error: Exception = machines._ExecutionError(f"StepFunctions.{name}Exception", message)
    return error


def described(execution: JsonObject, *, is_json: bool) -> JsonObject:
    """Return an execution that ended as its parent gets it.

    Parameters
    ----------
    execution
        The execution.
    is_json
        Whether input and output are JSON, as with ``.sync:2``, and not text.
    """
    description = {
        name[:1].upper() + name[1:]: execution[name]
        for name in ("executionArn", "stateMachineArn", "name", "status", "error", "cause")
        if execution.get(name) is not None
    }
    for name in ("startDate", "stopDate"):
        description[name[:1].upper() + name[1:]] = epoch_milliseconds(execution[name])
    for name in ("input", "output"):
        if (text := execution.get(name)) is not None:
            key = name.capitalize()
            description[key] = json.loads(text) if is_json else text
            description[f"{key}Details"] = {"Included": True}
    return description


def answer(machines: Any, body: JsonObject) -> Answer:
    """Return a successful answer."""
    answered: Answer = machines.json_response(body)
    return answered


def refusal(machines: Any, code: str, message: str) -> Answer:
    """Return an error as Step Functions gives it."""
    refused: Answer = machines.error_response_json(code, message, 400)
    return refused
