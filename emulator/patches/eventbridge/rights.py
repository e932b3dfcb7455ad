"""Deliveries that need the rights that AWS asks for, and what becomes of an event without them.

An event that cannot be delivered goes to the dead-letter queue of its target, if the queue's policy
lets EventBridge send it there
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from emulator import policies
from emulator.patches.eventbridge.deliveries import later, outcome_of
from emulator.patches.scheduler.calls import CallError, repeat
from emulator.patches.stepfunctions.definitions import QUALIFIED

JsonObject = dict[str, Any]

log = logging.getLogger("emulator")

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
DESTINATION = ":api-destination/"
#: Services whose targets need a role; others have a policy of their own.
WITH_ROLE = ("states", "events")


def apply() -> None:
    """Replace MiniStack's function."""
    from ministack.services import (
        cloudwatch_logs,
        eventbridge,
        lambda_svc,
        sns,
        sqs,
        stepfunctions,
    )

    found_by: dict[str, Callable[[str], Any]] = {
        "states": stepfunctions._resolve_state_machine_arn,
        "lambda": lambda arn: lambda_svc._get_func_record_for_ref(arn)[0],
        "sqs": sqs._queue_by_arn,
        "sns": sns._topic_by_arn_any_scope,
        "logs": lambda arn: cloudwatch_logs._log_groups.get(arn.partition(":log-group:")[2]),
        "events": lambda arn: (
            eventbridge._api_destinations.get(arn.split("/")[1])
            if DESTINATION in arn
            else eventbridge._event_buses.get(arn.partition(":event-bus/")[2])
        ),
    }

    def exists(arn: str) -> bool:
        find = found_by.get(service_of(arn))
        return find is None or find(arn) is not None

    def policy_of(service: str, arn: str) -> Any:
        if service != "logs":
            return policies.policy_of(service, arn)
        documents = [p["policyDocument"] for p in cloudwatch_logs._resource_policies.values()]
        return {"Statement": [s for d in documents for s in json.loads(d)["Statement"]]}

    def send(queue: str, message: JsonObject) -> None:
        found = sqs._queue_by_arn(queue)
        if found is None:
            return
        try:
            sqs._act_send_message({**message, "QueueUrl": found["url"]}, found["url"])
        except sqs._Err as error:
            # The sender of the event has its answer already.
            log.error("%s takes no message of a rule: %s", queue, error)

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
    problem_of: Callable[[JsonObject, JsonObject], CallError | None],
    may_queue: Callable[[str, str], bool],
    view_of: Callable[[Any], Any],
    send: Callable[[str, JsonObject], None],
) -> Callable[..., None]:
    """Return MiniStack's delivery of an event to a target, which needs its rights and is repeated.

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
        view = view or view_of(event)

        def attempt(_: int) -> None:
            if problem := problem_of(target, rule):
                raise problem
            outcome_of(partial(invoke, target, event, rule, view))

        def give_up(problem: CallError, attempts: int, is_late: bool) -> None:
            queue = (target.get("DeadLetterConfig") or {}).get("Arn", "")
            if queue and may_queue(queue, rule["Arn"]):
                texts = attributes(problem, target, rule, attempts, is_late)
                body = json.dumps(view.event_with_detail(), separators=(",", ":"))
                send(queue, {"MessageBody": body, "MessageAttributes": texts})

        policy = target.get("RetryPolicy") or {}
        begin = partial(repeat, attempt, give_up, policy, time.time(), later)
        # The server of an API destination may take seconds to answer.
        if DESTINATION in target.get("Arn", ""):
            later(0, begin)
        else:
            begin()

    return deliver


def problem_of(
    target: Mapping[str, Any],
    rule: Mapping[str, Any],
    exists: Callable[[str], bool],
    policy_of: Callable[[str, str], Any],
) -> CallError | None:
    """Return why a target of a rule cannot be reached; None when it can."""
    arn, source = str(target.get("Arn", "")), str(rule["Arn"])
    service = service_of(arn)
    if not exists(arn):
        return CallError("NO_RESOURCE", f"{arn} does not exist.")
    role = target.get("RoleArn")
    keys = {"aws:SourceArn": source, "aws:SourceAccount": source.split(":")[4]}
    if role and (cause := policies.trust_refusal(role, SERVICE, keys)):
        return CallError("FAILED_TO_ASSUME_ROLE", cause)
    actions = ACTIONS.get(service, ())
    for action in ("events:InvokeApiDestination",) if DESTINATION in arn else actions:
        if role:
            # An alias is started with the right on its state machine.
            cause = policies.role_refusal(role, action, QUALIFIED.sub(r"\1", arn), keys)
        elif service in WITH_ROLE:
            cause = f"The target {arn} has no role."
        else:
            resource = f"{arn}:log-stream:{rule['Name']}" if service == "logs" else arn
            cause = policies.resource_refusal(
                policy_of(service, arn), SERVICE, action, resource, source
            )
        if cause:
            return CallError("NO_PERMISSIONS", cause)
    return None


def service_of(arn: str) -> str:
    """Return the service in an ARN."""
    return arn.split(":")[2] if arn.count(":") > 2 else ""


def attributes(
    problem: CallError,
    target: Mapping[str, Any],
    rule: Mapping[str, Any],
    attempts: int,
    is_late: bool,
) -> dict[str, dict[str, str]]:
    """Return the attributes of the message with an undelivered event."""
    ended = "MaximumEventAgeInSeconds" if is_late else "MaximumRetryAttempts"
    texts = {
        "RULE_ARN": str(rule["Arn"]),
        "TARGET_ARN": str(target["Arn"]),
        "ERROR_CODE": problem.code,
        "ERROR_MESSAGE": problem.message,
        "EXHAUSTED_RETRY_CONDITION": ended,
        "RETRY_ATTEMPTS": str(attempts - 1),
    }
    return {key: {"DataType": "String", "StringValue": text} for key, text in texts.items()}
