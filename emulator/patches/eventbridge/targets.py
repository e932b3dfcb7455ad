"""Targets of rules: log groups, and executions with the name of their event."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from emulator.patches.eventbridge.deliveries import note, note_answer

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import cloudwatch_logs, eventbridge, stepfunctions

    eventbridge._invoke_target = with_log_groups(
        eventbridge._invoke_target, eventbridge, cloudwatch_logs
    )
    eventbridge._dispatch_to_stepfunctions = name_executions(
        # Another patch replaces it after this one.
        lambda data: stepfunctions._start_execution(data),
    )


def with_log_groups(invoke: Callable[..., None], events: Any, logs: Any) -> Callable[..., None]:
    """Return MiniStack's delivery of an event to a target, extended by log groups.

    Parameters
    ----------
    invoke
        MiniStack's function, used for every other target.
    events, logs
        MiniStack's EventBridge and CloudWatch Logs.
    """

    def invoke_or_write(target: JsonObject, event: Any, rule: Any, view: Any = None) -> None:
        _, _, group = target.get("Arn", "").partition(":log-group:")
        if not group:
            invoke(target, event, rule, view)
            return
        view = view or events._pattern_event_view(event)
        line = {"message": json.dumps(view.event_with_detail())}
        if "InputTransformer" in target:
            text = events._apply_input_transformer(target["InputTransformer"], rule, view)
            try:
                line = json.loads(text)
            except ValueError:
                # A value broke the template's JSON.
                note("INVALID_JSON", f"{group} takes JSON only.")
                return
        # AWS takes these two fields and no others, both texts.
        at = datetime.fromisoformat(line["timestamp"]) if "timestamp" in line else datetime.now(UTC)
        stream = {"logGroupName": group, "logStreamName": rule["Name"]}
        logs._create_log_stream(stream)  # an error when it is there already
        written = {"timestamp": int(at.timestamp() * 1000), "message": line["message"]}
        logs._put_log_events({**stream, "logEvents": [written]})

    return invoke_or_write


def name_executions(start: Callable[[JsonObject], Answer]) -> Callable[[str, str], None]:
    """Return the start of an execution by an event, with a name as on AWS."""

    def start_named(arn: str, payload: str) -> None:
        data = {"stateMachineArn": arn, "input": payload}
        try:
            event = json.loads(payload)
            # Without the spaces that MiniStack adds, which count for the limit.
            data["input"] = json.dumps(event, separators=(",", ":"))
            data["name"] = f"{event['id']}_{uuid4()}"
        except (ValueError, TypeError, KeyError):
            # The target's own input has no id.
            data["name"] = str(uuid4())
        status, _, body = start(data)
        note_answer(status, body)

    return start_named
