"""The run of an execution, from its first state or from the one where it is redriven.

MiniStack waits 0.15 s before each execution and lets nothing interrupt it. Here an execution ends
once: with its last state, an error, StopExecution, or its time limit. Its threads are interrupted
then.
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from emulator.patches.stepfunctions import scopes
from emulator.patches.stepfunctions.scopes import CLOCK, Scope, Stopped

JsonObject = dict[str, Any]

TIMEOUT = "States.Timeout"
#: The states whose interpreter takes the execution too.
NESTED = ("Task", "Parallel", "Map")
KINDS = frozenset({"Pass", "Choice", "Wait", *NESTED})
#: The type of the event of each end, and the field with its details.
ENDS = {
    "SUCCEEDED": ("ExecutionSucceeded", "executionSucceededEventDetails"),
    "FAILED": ("ExecutionFailed", "executionFailedEventDetails"),
    "ABORTED": ("ExecutionAborted", "executionAbortedEventDetails"),
    "TIMED_OUT": ("ExecutionTimedOut", "executionTimedOutEventDetails"),
}

log = logging.getLogger("emulator")


@dataclass
class Run:
    """An execution that runs: what interrupts it, and what is set when it has ended."""

    scope: Scope = field(default_factory=Scope)
    ended: threading.Event = field(default_factory=threading.Event)


@dataclass
class Express:
    """The quota of Express executions."""

    seconds: float = 300


_express = Express()
#: The running executions, by ARN.
_runs: dict[str, Run] = {}
_making, _ending = threading.Lock(), threading.Lock()


def apply(express_seconds: float) -> None:
    """Replace MiniStack's functions."""
    from ministack.services import stepfunctions

    _express.seconds = express_seconds
    stepfunctions.time = scopes.Time()
    stepfunctions._run_execution = partial(run_first, stepfunctions)


def run_of(execution: JsonObject) -> Run:
    """Return the run of a running execution."""
    with _making:
        return _runs.setdefault(execution["executionArn"], Run())


def start(machines: Any, execution: JsonObject, *arguments: Any) -> Run:
    """Run an execution in a thread of its own.

    Parameters
    ----------
    machines
        MiniStack's Step Functions.
    execution
        The execution, which is not interrupted with the one that starts it.
    arguments
        The state to begin with, its input and the variables. Without them, the first state.
    """
    run = run_of(execution)
    # Context variables carry the account and region of the request.
    work = contextvars.copy_context()
    work.run(scopes.enter, scopes.OUTSIDE)
    if arguments:
        target: tuple[Any, ...] = (interpret, machines, execution, *arguments)
    else:
        target = (machines._run_execution, execution["executionArn"])
    threading.Thread(target=work.run, args=target, daemon=True).start()
    return run


def definition_of(machines: Any, execution: JsonObject) -> JsonObject:
    """Return the definition that an execution runs: of its version, if it was started as one."""
    definition: JsonObject = json.loads(machine_of(machines, execution)["definition"])
    return definition


def machine_of(machines: Any, execution: JsonObject) -> JsonObject:
    """Return the state machine of an execution, with the definition and role of its version."""
    machine: JsonObject | None = machines._state_machines.get(execution["stateMachineArn"])
    if machine is None:
        raise machines._ExecutionError("States.Runtime", "The state machine was deleted.")
    version = machines._state_machine_versions.get(execution.get("stateMachineVersionArn"))
    if version is None:
        return machine
    return {**machine, "definition": version["definition"], "roleArn": version["roleArn"]}


def run_first(machines: Any, arn: str) -> None:
    """Interpret an execution from its first state on, as MiniStack's function does."""
    execution = machines._executions.get(arn)
    if execution is None:
        return
    publish(machines, execution)
    try:
        name = definition_of(machines, execution)["StartAt"]
        value = json.loads(execution["input"])
    except (ValueError, LookupError, machines._ExecutionError) as error:
        end(machines, execution, "FAILED", error="States.Runtime", cause=repr(error))
        return
    interpret(machines, execution, name, value, {})


def interpret(
    machines: Any, execution: JsonObject, name: str | None, value: Any, variables: JsonObject
) -> None:
    """Interpret the states from one on, until the execution ends."""
    machine, definition = machine_of(machines, execution), definition_of(machines, execution)
    context = context_of(execution, machine, definition, variables)
    interpret_states(machines, execution, machine["type"], definition, value, context, name)


def interpret_states(
    machines: Any,
    execution: JsonObject,
    kind: str,
    definition: JsonObject,
    value: Any,
    context: JsonObject,
    name: str | None = None,
) -> None:
    """Interpret the states of a definition until the execution ends.

    Parameters
    ----------
    machines
        MiniStack's Step Functions.
    execution
        The execution.
    kind
        STANDARD or EXPRESS.
    definition, value, context
        The definition, the input and the context object.
    name
        The state to begin with, if it is not the first one.
    """
    run = run_of(execution)
    cancel = None
    if limit := limit_of(kind, definition):
        # The clock must not wait for the targets of the event.
        over = contextvars.copy_context()
        arguments = (time_out, machines, execution)
        expire = threading.Thread(target=over.run, args=arguments, daemon=True)
        cancel = CLOCK.call(limit, expire.start)
    try:
        with scopes.entered(run.scope):
            following = name or definition["StartAt"]
            while following:
                following, value = step(
                    machines, execution, definition["States"], following, value, context
                )
            output = json.dumps(value)
            run.scope.check()
        end(machines, execution, "SUCCEEDED", output=output)
    except Stopped:
        return
    except machines._ExecutionError as error:
        end(machines, execution, "FAILED", error=error.error, cause=error.cause)
    except Exception as error:  # as MiniStack does: an execution must end
        log.exception("Step Functions cannot run %s", execution["executionArn"])
        end(machines, execution, "FAILED", error="States.Runtime", cause=str(error))
    finally:
        if cancel:
            cancel()


def limit_of(kind: str, definition: JsonObject) -> float | None:
    """Return how many seconds an execution may run; None for ever."""
    limits = [definition.get("TimeoutSeconds")]
    if kind == "EXPRESS":
        limits.append(_express.seconds)
    return min((limit for limit in limits if limit is not None), default=None)


def context_of(
    execution: JsonObject, machine: JsonObject, definition: JsonObject, variables: JsonObject
) -> JsonObject:
    """Return the context object of an execution."""
    return {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "RoleArn": machine["roleArn"],
            "StartTime": execution["startDate"],
            "RedriveCount": execution.get("redriveCount", 0),
        },
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": variables,
    }


def time_out(machines: Any, execution: JsonObject) -> None:
    """End an execution whose time is over."""
    end(machines, execution, "TIMED_OUT", error=TIMEOUT)


def end(machines: Any, execution: JsonObject, status: str, **fields: Any) -> bool:
    """End an execution, unless it has ended; return whether it does so now.

    Parameters
    ----------
    machines
        MiniStack's Step Functions.
    execution
        The execution.
    status
        How it ends.
    fields
        Its output, or its error and cause.
    """
    with _ending:
        if execution["status"] != "RUNNING":
            return False
        execution.update(status=status, stopDate=machines.now_iso(), **fields)
        with _making:
            run = _runs.pop(execution["executionArn"], Run())
    # No branch may write an event after the last one.
    run.scope.stop()
    kind, details = ENDS[status]
    with scopes.entered(scopes.OUTSIDE):
        machines._add_event(execution, kind, {details: fields})
        publish(machines, execution)
    run.ended.set()
    return True


def step(
    machines: Any, execution: JsonObject, states: Any, name: str, value: Any, context: Any
) -> tuple[str | None, Any]:
    """Interpret one state; return the next one's name and input."""
    state = states.get(name)
    if state is None:
        raise machines._ExecutionError("States.Runtime", f"The definition has no state '{name}'.")
    kind = state.get("Type")
    context["State"] = {"Name": name, "EnteredTime": machines.now_iso(), "RetryCount": 0}
    entered = {"stateEnteredEventDetails": {"name": name, "input": json.dumps(value)}}
    machines._add_event(execution, f"{kind}StateEntered", entered)
    following = None
    if kind == "Fail":
        raise machines._ExecutionError(*machines._fail_state_error(state, value, context))
    if kind == "Succeed":
        value = machines._apply_input_path(state, value, context)
        value = machines._apply_output_path(state, value, context)
    elif kind not in KINDS:
        raise machines._ExecutionError(
            "States.Runtime", f"Step Functions has no state type '{kind}'."
        )
    else:
        interpret_state = getattr(machines, f"_execute_{kind.lower()}")
        arguments = (execution, context) if kind in NESTED else (context,)
        value, following = interpret_state(state, value, *arguments)
    exited = {"stateExitedEventDetails": {"name": name, "output": json.dumps(value)}}
    machines._add_event(execution, f"{kind}StateExited", exited)
    return following, value


def publish(machines: Any, execution: JsonObject) -> None:
    """Put the event of an execution's status on the default bus, if it is a Standard one's.

    https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """
    if ":execution:" not in execution["executionArn"] or execution.get("mapRunArn"):
        return
    from ministack.services import eventbridge

    status = execution["status"]
    can_redrive = status in ("FAILED", "TIMED_OUT", "ABORTED")
    detail = {
        "executionArn": execution["executionArn"],
        "stateMachineArn": execution["stateMachineArn"],
        "stateMachineVersionArn": execution.get("stateMachineVersionArn"),
        "stateMachineAliasArn": execution.get("stateMachineAliasArn"),
        "name": execution["name"],
        "status": status,
        "startDate": epoch_milliseconds(execution["startDate"]),
        "stopDate": epoch_milliseconds(execution["stopDate"]),
        "redriveCount": execution.get("redriveCount", 0),
        "redriveDate": epoch_milliseconds(execution.get("redriveDate")),
        "redriveStatus": "REDRIVABLE" if can_redrive else "NOT_REDRIVABLE",
        "redriveStatusReason": None
        if can_redrive
        else f"Execution is {status} and cannot be redriven",
        "error": execution.get("error"),
        "cause": execution.get("cause"),
    }
    for name, is_known in (("input", True), ("output", status == "SUCCEEDED")):
        value = execution.get(name) if is_known else None
        is_included = len(value or "") <= machines._STATUS_EVENT_PAYLOAD_CAP
        detail[name] = value if is_included else None
        detail[f"{name}Details"] = {"included": is_included} if is_known else None
    entry = {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Detail": json.dumps(detail),
        "Resources": [execution["executionArn"]],
    }
    try:
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    except Exception:  # as MiniStack does: delivery is best effort
        log.exception("The status of %s is not published", execution["executionArn"])


def epoch_milliseconds(text: str | None) -> int | None:
    """Return a time of MiniStack in milliseconds since 1970."""
    return round(moment(text).timestamp() * 1000) if text else None


def moment(text: str) -> datetime:
    """Return a time of MiniStack."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
