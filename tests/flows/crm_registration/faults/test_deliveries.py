"""The same event comes more than once, and unusable messages lie between good ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.recovery import dead_letters
from tests.flows.crm_registration.support.leads import Faulty, Leads
from tests.flows.crm_registration.support.registration import Registration
from tests.support.fault_proxy import Fault

POISON = {
    "no JSON": "{",
    "nothing": "null",
    "no event": json.dumps({"version": 1, "error": {"name": "X"}, "event": None}),
    "no detail": json.dumps({"error": {"name": "X"}, "event": {"source": "a", "detail-type": "b"}}),
    "half a character": json.dumps({"error": {"name": "\ud800"}, "event": [1]}),
}


def deliver_again(platform: Registration, event: str, times: int) -> None:
    """Have an event start so many executions more, as EventBridge may."""
    execution = platform.execution(event)
    for number in range(times):
        platform.aws.client("stepfunctions").start_execution(
            stateMachineArn=platform.flow.state_machine_arn,
            name=f"{event}_{number}",
            input=execution.input or "",
        )


def test_the_same_lead_several_times_at_once(stream: Leads) -> None:
    stream.send(count=1, times=4)

    stream.settle()


@pytest.mark.long
@pytest.mark.parametrize("times", range(2, 11))
def test_several_leads_several_times_at_once_and_later(
    faulty: Faulty, stream: Leads, times: int
) -> None:
    with faulty.api.fault(Fault(cut=0, times=times)):
        stream.send(count=2, times=times)
        stream.ended()
    stream.send_again(*stream.items)

    stream.settle()


def test_one_event_delivered_several_times(faulty: Faulty, stream: Leads) -> None:
    [event] = stream.send()
    deliver_again(faulty.platform, event, 4)

    stream.settle()


def test_messages_that_nobody_can_use_hold_up_no_others(faulty: Faulty, stream: Leads) -> None:
    platform = faulty.platform
    sqs = platform.aws.client("sqs")
    poison: set[str] = set()

    def put_poison() -> None:
        for _, url in platform.flow.queues:
            for body in POISON.values():
                poison.add(sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"])

    put_poison()
    with faulty.api.fault(Fault(status=400, delivered=False)):
        stream.send(3)
        assert len(stream.waiting(stream.ended())) == 3
    put_poison()

    reasons = stream.settle()

    assert set(reasons) == {"failed: CrmRejected in CreateClient"}
    # It is still there for an operator to inspect, and can be deleted.
    assert poison <= taken_away(platform, poison)


def taken_away(platform: Registration, meant: set[str]) -> set[str]:
    """Delete these messages, and return the ids of those that were there."""
    sqs: Any = platform.aws.client("sqs")
    found = set()
    for queue, url in platform.flow.queues:
        for letter in dead_letters.look(sqs, queue, url):
            if letter.message_id in meant:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt)
                found.add(letter.message_id)
    return found
