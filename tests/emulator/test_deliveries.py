"""A delivery of EventBridge that fails is repeated, or goes to the dead-letter queue at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.patches.cloudwatch import with_rights as with_rights_of_topics
from emulator.patches.eventbridge import deliveries
from emulator.patches.eventbridge.rights import problem_of, with_rights
from emulator.patches.scheduler.calls import CallError

RULE = {"Name": "rule", "Arn": "arn:aws:events:us-east-1:1:rule/rule"}
QUEUE = "arn:aws:sqs:us-east-1:1:letters"
TARGET = {"Arn": "arn:aws:sqs:us-east-1:1:target", "DeadLetterConfig": {"Arn": QUEUE}}


class View:
    """MiniStack's view of an event."""

    def event_with_detail(self) -> dict[str, str]:
        """Return the event."""
        return {"id": "1"}


def delivered(
    monkeypatch: pytest.MonkeyPatch,
    *answers: tuple[int, dict[str, str]],
    problem: CallError | None = None,
    policy: dict[str, int] | None = None,
) -> tuple[list[float], list[dict[str, str]]]:
    """Return the pauses of a delivery whose target gives these answers, and its dead letters."""
    left = list(answers)
    pauses: list[float] = []
    letters: list[dict[str, str]] = []

    def invoke(*_: Any) -> None:
        status, body = left.pop(0)
        deliveries.note_answer(status, json.dumps(body).encode())

    def later(seconds: float, go_on: Any) -> None:
        pauses.append(seconds)
        go_on()

    def send(queue: str, message: dict[str, Any]) -> None:
        assert (queue, message["MessageBody"]) == (QUEUE, '{"id":"1"}')
        texts = message["MessageAttributes"].items()
        letters.append({name: value["StringValue"] for name, value in texts})

    monkeypatch.setattr("emulator.patches.eventbridge.rights.later", later)
    deliver = with_rights(invoke, lambda *_: problem, lambda *_: True, lambda _: View(), send)
    deliver({**TARGET, "RetryPolicy": policy or {}}, {}, RULE)
    assert left == []
    return pauses, letters


DONE: tuple[int, dict[str, str]] = (200, {})
BUSY = (400, {"__type": "ThrottlingException", "message": "slow down"})
BROKEN = (500, {"__type": "InternalFailure", "message": "sorry"})
WRONG = (400, {"__type": "InvalidName", "message": "no"})


def test_a_target_that_is_busy_or_broken_gets_the_event_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert delivered(monkeypatch, BUSY, BROKEN, DONE) == ([1, 2], [])


@pytest.mark.parametrize(
    ("answers", "policy", "code", "retries", "condition"),
    [
        ([BUSY] * 3, {"MaximumRetryAttempts": 2}, "THROTTLING", "2", "MaximumRetryAttempts"),
        ([BROKEN], {"MaximumRetryAttempts": 0}, "INTERNAL_ERROR", "0", "MaximumRetryAttempts"),
        (
            [BROKEN],
            {"MaximumEventAgeInSeconds": 0},
            "INTERNAL_ERROR",
            "0",
            "MaximumEventAgeInSeconds",
        ),
        ([WRONG], {}, "ERROR_FROM_TARGET", "0", "MaximumRetryAttempts"),
    ],
)
def test_the_dead_letter_says_why_and_how_often(
    monkeypatch: pytest.MonkeyPatch,
    answers: list[Any],
    policy: dict[str, int],
    code: str,
    retries: str,
    condition: str,
) -> None:
    _, [letter] = delivered(monkeypatch, *answers, policy=policy)

    assert letter["ERROR_CODE"] == code
    assert letter["RETRY_ATTEMPTS"] == retries
    assert letter["EXHAUSTED_RETRY_CONDITION"] == condition
    assert (letter["RULE_ARN"], letter["TARGET_ARN"]) == (RULE["Arn"], TARGET["Arn"])


def test_a_denied_right_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    denied = CallError("NO_PERMISSIONS", "no policy allows it")

    pauses, [letter] = delivered(monkeypatch, problem=denied)

    assert pauses == []
    assert (letter["ERROR_CODE"], letter["RETRY_ATTEMPTS"]) == ("NO_PERMISSIONS", "0")


def test_a_missing_target_is_a_missing_resource() -> None:
    problem = problem_of(TARGET, RULE, lambda _: False, lambda *_: None)

    assert problem is not None
    assert (problem.code, problem.passes) == ("NO_RESOURCE", False)


def test_an_alarm_notifies_the_topics_that_let_it() -> None:
    acted: list[dict[str, Any]] = []
    act = with_rights_of_topics(
        lambda alarm, *_: acted.append(alarm), lambda topic, _: "no" if "closed" in topic else ""
    )
    topics = [f"arn:aws:sns:us-east-1:1:{name}" for name in ("open", "closed")]
    alarm = {"AlarmName": "a", "AlarmArn": "arn:a", "AlarmActions": [*topics, "arn:aws:ssm:x"]}

    act(alarm, "OK", "ALARM", "because")

    [done] = acted
    assert done["AlarmActions"] == [topics[0], "arn:aws:ssm:x"]
    assert alarm["AlarmActions"] == [*topics, "arn:aws:ssm:x"]
