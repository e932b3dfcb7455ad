"""Metrics of executions, and the log of a state machine.

MiniStack records neither. The lines have the form of
https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html. Those of an Express execution,
which has no other history, are written as its events happen; those of a Standard one at its end.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from emulator.patches.stepfunctions.executions import refusal
from emulator.policies import role_refusal

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]

ENDS = {
    "ExecutionSucceeded": "ExecutionsSucceeded",
    "ExecutionFailed": "ExecutionsFailed",
    "ExecutionAborted": "ExecutionsAborted",
    "ExecutionTimedOut": "ExecutionsTimedOut",
}
#: How the types of events that each level logs end.
LEVELS = {"ALL": ("",), "ERROR": ("Failed", "Aborted", "TimedOut"), "FATAL": tuple(ENDS)[1:]}
#: Fields that a log without execution data leaves out.
DATA = frozenset({"input", "inputDetails", "output", "outputDetails", "parameters"})
LOGGED = "loggedEvents"
#: The rights of a state machine's role to log
#: (https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy).
DELIVERY = (
    "CreateLogDelivery",
    "DeleteLogDelivery",
    "DescribeLogGroups",
    "DescribeResourcePolicies",
    "GetLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "UpdateLogDelivery",
)
_writing = threading.Lock()
NOT_AUTHORIZED = "The state machine IAM Role is not authorized to access the Log Destination"


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import cloudwatch, cloudwatch_logs, stepfunctions

    stepfunctions._run_execution = counted(
        stepfunctions._run_execution, stepfunctions._executions, cloudwatch.record_metric
    )
    stepfunctions._add_event = observed(
        stepfunctions._add_event,
        stepfunctions._state_machines,
        cloudwatch.record_metric,
        cloudwatch_logs,
    )
    for name in ("_create_state_machine", "_update_state_machine"):
        change = getattr(stepfunctions, name)
        setattr(stepfunctions, name, asking_rights_of_logs(stepfunctions, change))


def asking_rights_of_logs(
    machines: Any, change: Callable[[JsonObject], Answer]
) -> Callable[[JsonObject], Answer]:
    """Return a creation or update of a state machine that logs only with a role that may."""

    def refuse_or_change(data: JsonObject) -> Answer:
        before = machines._state_machines.get(data.get("stateMachineArn")) or {}
        settings = data.get("loggingConfiguration") or before.get("loggingConfiguration") or {}
        role = str(data.get("roleArn") or before.get("roleArn"))
        logs = settings.get("level", "OFF") != "OFF" and settings.get("destinations")
        if logs and any(role_refusal(role, f"logs:{action}", "*") for action in DELIVERY):
            return refusal(machines, "AccessDeniedException", NOT_AUTHORIZED)
        return change(data)

    return refuse_or_change


def counted(
    run: Callable[[str], None], executions: Any, record: Callable[..., None]
) -> Callable[[str], None]:
    """Return MiniStack's run of an execution, which counts those that started."""

    def run_counted(arn: str) -> None:
        if execution := executions.get(arn):
            dimensions = {"StateMachineArn": execution["stateMachineArn"]}
            record("AWS/States", "ExecutionsStarted", 1.0, "Count", dimensions)
        run(arn)

    return run_counted


def observed(
    add: Callable[..., JsonObject], machines: Any, record: Callable[..., None], logs: Any
) -> Callable[..., JsonObject]:
    """Return MiniStack's writing of an event, which logs it and counts executions that ended."""

    def add_event(execution: JsonObject, kind: str, details: Any = None) -> JsonObject:
        event = add(execution, kind, details)
        if kind in ENDS:
            begin, end = (milliseconds(execution[name]) for name in ("startDate", "stopDate"))
            dimensions = {"StateMachineArn": execution["stateMachineArn"]}
            record("AWS/States", ENDS[kind], 1.0, "Count", dimensions)
            record("AWS/States", "ExecutionTime", end - begin, "Milliseconds", dimensions)
        if kind in ENDS or ":express:" in execution["executionArn"]:
            machine = machines.get(execution["stateMachineArn"]) or {}
            now = round(milliseconds(event["timestamp"]))
            write(execution, machine.get("loggingConfiguration") or {}, logs, now)
        return event

    return add_event


def write(execution: JsonObject, settings: JsonObject, logs: Any, now: int) -> None:
    """Write the events that are not logged yet to the log group of the state machine."""
    endings = LEVELS.get(settings.get("level", "OFF"))
    destinations = settings.get("destinations") or ()
    groups = [
        place["cloudWatchLogsLogGroup"]["logGroupArn"].split(":log-group:")[1].removesuffix(":*")
        for place in destinations
    ]
    group = next((group for group in groups if group in logs._log_groups), None)
    if endings is None or group is None:
        return
    day = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%d-%H")
    stream = f"states/{execution['stateMachineArn'].rpartition(':')[2]}/{day}"
    # Branches write at the same time.
    with _writing:
        first = execution.get(LOGGED, 0)
        execution[LOGGED] = len(execution["events"])
        has_data = settings.get("includeExecutionData", False)
        events = [
            {
                "timestamp": round(milliseconds(event["timestamp"])),
                "ingestionTime": now,
                "message": line,
            }
            for event, line in log_lines(execution, first, has_data)
            if event["type"].endswith(endings)
        ]
        if not events:
            return
        if stream not in logs._log_groups[group]["streams"]:
            logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
        logs._append_log_events(logs._log_groups[group]["streams"][stream], events)
    logs._fanout_to_subscription_filters(group, stream, events)


def log_lines(
    execution: JsonObject, first: int, has_data: bool
) -> Iterator[tuple[JsonObject, str]]:
    """Yield the events from a place on, each with its line."""
    for event in execution["events"][first:]:
        found = next((value for key, value in event.items() if key.endswith("Details")), None) or {}
        details = {key: value for key, value in found.items() if has_data or key not in DATA}
        line = {
            "id": str(event["id"]),
            "type": event["type"],
            "details": details,
            "previous_event_id": str(event.get("previousEventId", 0)),
            "event_timestamp": str(round(milliseconds(event["timestamp"]))),
            "execution_arn": execution["executionArn"],
            "redrive_count": str(execution.get("redriveCount", 0)),
        }
        yield event, json.dumps(line, separators=(",", ":"))


def milliseconds(text: str) -> float:
    """Return a time of MiniStack in milliseconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000
