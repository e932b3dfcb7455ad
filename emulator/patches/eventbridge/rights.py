"""Deliveries that need the rights that AWS asks for, and what becomes of an event without them.

An event that cannot be delivered goes to the dead-letter queue of its target, if the queue's policy
lets EventBridge send it there
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html). AWS repeats a delivery
that failed for the moment; the deliveries within this process fail for good or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emulator import policies
from emulator.patches.stepfunctions.definitions import QUALIFIED

JsonObject = dict[str, Any]

SERVICE = "events.amazonaws.com"
#: The actions of EventBridge on a target, by the target's service in its ARN.
ACTIONS = {
    "states": ("states:StartExecution",),
    "lambda": ("lambda:InvokeFunction",),
    "sqs": ("sqs:SendMessage",),
    "sns": ("sns:Publish",),
    "events": ("events:PutEvents",),
    "logs": ("logs:CreateLogStream", "logs:PutLogEvents"),
}
#: Services whose targets need a role; others have a policy of their own.
WITH_ROLE = ("states", "events")


@dataclass(frozen=True)
class Problem:
    """Why a delivery fails for good, as EventBridge writes it into the message."""

    code: str
    message: str


def apply() -> None:
    """Replace MiniStack's function."""
    from ministack.services import cloudwatch_logs, eventbridge, sqs, stepfunctions

    def exists(arn: str) -> bool:
        if ":event-bus/" in arn:
            return arn.partition(":event-bus/")[2] in eventbridge._event_buses
        return ":states:" not in arn or bool(stepfunctions._resolve_state_machine_arn(arn))

    def policy_of(service: str, arn: str) -> Any:
        if service != "logs":
            return policies.policy_of(service, arn)
        documents = [p["policyDocument"] for p in cloudwatch_logs._resource_policies.values()]
        return {"Statement": [s for d in documents for s in json.loads(d)["Statement"]]}

    def send(queue: str, message: JsonObject) -> None:
        found = sqs._queue_by_arn(queue)
        if found is not None:
            sqs._act_send_message({**message, "QueueUrl": found["url"]}, found["url"])

    eventbridge._invoke_target = with_rights(
        eventbridge._invoke_target,
        lambda target, rule: problem_of(target, rule, exists, policy_of),
        lambda queue, rule: (
            not policies.resource_refusal(
                policy_of("sqs", queue), SERVICE, "sqs:SendMessage", queue, rule
            )
        ),
        eventbridge._pattern_event_view,
        send,
    )


def with_rights(
    invoke: Callable[..., None],
    problem_of: Callable[[JsonObject, JsonObject], Problem | None],
    may_queue: Callable[[str, str], bool],
    view_of: Callable[[Any], Any],
    send: Callable[[str, JsonObject], None],
) -> Callable[..., None]:
    """Return MiniStack's delivery of an event to a target, which needs its rights.

    Parameters
    ----------
    invoke
        MiniStack's function.
    problem_of
        Returns why a target of a rule cannot be reached; None when it can.
    may_queue
        Returns whether a queue takes messages for a rule, by their ARNs.
    view_of
        Returns MiniStack's view of an event.
    send
        Sends a message to a queue, by its ARN.
    """

    def deliver(target: JsonObject, event: Any, rule: JsonObject, view: Any = None) -> None:
        problem = problem_of(target, rule)
        if problem is None:
            invoke(target, event, rule, view)
            return
        queue = (target.get("DeadLetterConfig") or {}).get("Arn", "")
        if queue and may_queue(queue, rule["Arn"]):
            body = json.dumps((view or view_of(event)).event_with_detail())
            send(
                queue, {"MessageBody": body, "MessageAttributes": attributes(problem, target, rule)}
            )

    return deliver


def problem_of(
    target: Mapping[str, Any],
    rule: Mapping[str, Any],
    exists: Callable[[str], bool],
    policy_of: Callable[[str, str], Any],
) -> Problem | None:
    """Return why a target of a rule cannot be reached; None when it can."""
    arn, source = str(target.get("Arn", "")), str(rule["Arn"])
    service = arn.split(":")[2] if arn.count(":") > 2 else ""
    if not exists(arn):
        return Problem("RESOURCE_NOT_FOUND", f"{arn} does not exist.")
    role = target.get("RoleArn")
    for action in ACTIONS.get(service, ()):
        if role:
            # An alias is started with the right on its state machine.
            resource = QUALIFIED.sub(r"\1", arn)
            keys = {"aws:SourceArn": source, "aws:SourceAccount": source.split(":")[4]}
            cause = policies.role_refusal(role, action, resource, keys, trusted=SERVICE)
        elif service in WITH_ROLE:
            cause = f"The target {arn} has no role."
        else:
            resource = f"{arn}:log-stream:{rule['Name']}" if service == "logs" else arn
            cause = policies.resource_refusal(
                policy_of(service, arn), SERVICE, action, resource, source
            )
        if cause:
            return Problem("NO_PERMISSIONS", cause)
    return None


def attributes(
    problem: Problem, target: Mapping[str, Any], rule: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Return the attributes of the message with an undelivered event."""
    texts = {
        "RULE_ARN": str(rule["Arn"]),
        "TARGET_ARN": str(target["Arn"]),
        "ERROR_CODE": problem.code,
        "ERROR_MESSAGE": problem.message,
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "RETRY_ATTEMPTS": "0",
    }
    return {key: {"DataType": "String", "StringValue": text} for key, text in texts.items()}
