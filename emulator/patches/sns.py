"""SNS.

- ``rights-of-subscriptions``: a notification needs no right in the policy of its function.
- ``undelivered-notifications``: a notification that cannot be delivered is dropped, although its
  subscription has a dead-letter queue.
- ``repeated-notifications``: a function that fails on a notification does not get it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from emulator import policies
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "rights-of-subscriptions": "A function gets notifications only if its policy lets the topic.",
    "undelivered-notifications": (
        "The dead-letter queue of a subscription gets what cannot be delivered."
    ),
    "repeated-notifications": "Lambda calls a function that fails on a notification twice more.",
}

JsonObject = dict[str, Any]

SERVICE = "sns.amazonaws.com"
#: The action by which SNS delivers, by the service in the endpoint's ARN.
ACTIONS = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage"}
MISSING, FORBIDDEN = "RESOURCE_NOT_FOUND", "NO_PERMISSIONS"


def apply(_: Settings) -> None:
    """Close the gaps."""
    from ministack.services import lambda_svc, sns, sqs

    def exists(endpoint: str) -> bool:
        if endpoint.split(":")[2] == "sqs":
            return sqs._queue_by_arn(endpoint) is not None
        return lambda_svc._get_func_record_for_ref(endpoint)[0] is not None

    def send(queue: str, message: JsonObject) -> None:
        found = sqs._queue_by_arn(queue)
        if found is not None:
            sqs._act_send_message({**message, "QueueUrl": found["url"]}, found["url"])

    def redrive(topic: str, endpoint: str, code: str, body: str) -> None:
        subscriptions = (sns._topic_by_arn_any_scope(topic) or {}).get("subscriptions", ())
        queue = dead_letter_queue(subscriptions, endpoint)
        if queue and not refusal(queue, topic):
            attribute = {"DataType": "String", "StringValue": code}
            send(queue, {"MessageBody": body, "MessageAttributes": {"ERROR_CODE": attribute}})

    def problem(endpoint: str, topic: str) -> str:
        return problem_of(endpoint, topic, exists, refusal)

    sns._deliver_to_sqs = to_queues(sns._deliver_to_sqs, problem, redrive)
    sns._deliver_to_lambda = to_functions(lambda_svc, problem, redrive)


def refusal(endpoint: str, topic: str) -> str:
    """Return why the policy of a queue or function does not let a topic in, or an empty text."""
    service = endpoint.split(":")[2]
    document = policies.policy_of(service, endpoint)
    return policies.resource_refusal(document, SERVICE, ACTIONS[service], endpoint, topic)


def problem_of(
    endpoint: str,
    topic: str,
    exists: Callable[[str], bool],
    refusal_of: Callable[[str, str], str],
) -> str:
    """Return the code of what keeps a topic from an endpoint; an empty text for nothing."""
    if not exists(endpoint):
        return MISSING
    return FORBIDDEN if refusal_of(endpoint, topic) else ""


def dead_letter_queue(subscriptions: Any, endpoint: str) -> str:
    """Return the ARN of the dead-letter queue of the subscription of an endpoint, or nothing."""
    for subscription in subscriptions:
        if subscription.get("endpoint") == endpoint:
            policy = (subscription.get("attributes") or {}).get("RedrivePolicy") or "{}"
            return str(json.loads(policy).get("deadLetterTargetArn") or "")
    return ""


def to_queues(
    deliver: Callable[..., None],
    problem: Callable[[str, str], str],
    redrive: Callable[[str, str, str, str], None],
) -> Callable[..., None]:
    """Return MiniStack's delivery to a queue, which leaves what fails to a dead-letter queue.

    Parameters
    ----------
    deliver
        MiniStack's function.
    problem
        Returns what keeps a topic from an endpoint: the ARN of the endpoint, then the topic's.
    redrive
        Takes a notification that failed: topic, endpoint, the problem's code, and the text.
    """

    def deliver_or_keep(
        endpoint: str,
        envelope: str,
        raw: bool,
        raw_message: str,
        topic_arn: str = "",
        **more: Any,
    ) -> None:
        if code := problem(endpoint, topic_arn):
            redrive(topic_arn, endpoint, code, raw_message if raw else envelope)
        else:
            deliver(endpoint, envelope, raw, raw_message, topic_arn=topic_arn, **more)

    return deliver_or_keep


def to_functions(
    functions: Any,
    problem: Callable[[str, str], str],
    redrive: Callable[[str, str, str, str], None],
) -> Callable[..., None]:
    """Return the delivery to a function, which Lambda repeats when the function fails.

    Parameters
    ----------
    functions
        MiniStack's ``lambda_svc``.
    problem, redrive
        As of `to_queues`.
    """

    def deliver(endpoint: str, envelope: str, topic: str, subscription: str, *_: Any) -> None:
        if code := problem(endpoint, topic):
            redrive(topic, endpoint, code, envelope)
            return
        record, config, _name = functions._get_func_record_for_ref(endpoint)
        functions.invoke_async_with_retry(
            functions._execution_record_for_config(record, config),
            {"Records": [notification(envelope, subscription)]},
        )

    return deliver


def notification(envelope: str, subscription: str) -> Mapping[str, Any]:
    """Return the record of a notification, as a function gets it."""
    return {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "EventSource": "aws:sns",
        "Sns": json.loads(envelope),
    }
