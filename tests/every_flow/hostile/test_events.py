"""Odd events on the bus: each is taken, or refused by an error of its own and kept whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from ops.executions.events import SYNTHETIC, Event
from ops.executions.executions import Execution
from ops.flow import MAIN
from ops.recovery import dead_letters
from tests.support.expectations import Events
from tests.support.hostile import LARGEST_EVENT
from tests.support.running import RunningFlow

LETTERS = "e\u0301\u202e🦊👩\u200d👧\uffff"
EXPRESSION = "{% $states.context %} ${event} {{x}} $$.Execution"
#: Values that a field gets, by what is odd about them.
VALUES: dict[str, Any] = {
    "an expression": EXPRESSION,
    "letters of every kind": LETTERS,
    "a path": "../../etc/passwd",
    "nothing": None,
    "a number that no integer holds": 1e300,
    "an object": {"S": "x", "__proto__": {"admin": True}},
    "a list of lists": [[[]]],
}
#: Fields that no schema has, by what is odd about them.
FIELDS: dict[str, dict[str, Any]] = {
    "unknown fields": {LETTERS: EXPRESSION, "admin": True},
    "larger than a state": {"note": "n" * (LARGEST_EVENT - 3000)},
    "deep": {"note": json.loads("[" * 100 + "]" * 100)},
}


def odd_details(
    good: Callable[[], Mapping[str, Any]],
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield details that differ from good ones in one place, each with what is odd about it.

    `good` returns a new one each time: two with the same id would have to do with each other.
    """
    fields = sorted(good())
    for name in fields:
        yield f"without {name}", {key: value for key, value in good().items() if key != name}
    for number, (what, value) in enumerate(VALUES.items()):
        # Each value in one or two fields, so that the number of events stays small.
        for name in fields[number % max(len(fields), 1) :: len(VALUES)]:
            yield f"{what} as {name}", {**good(), name: value}
    for what, more in FIELDS.items():
        yield what, {**good(), **more}
    yield "empty", {}


def sent(running: RunningFlow, detail: Mapping[str, Any]) -> str:
    """Publish an event that no reconciliation misses, and return its id."""
    example = running.example
    resources = (SYNTHETIC, *example.get("resources", ()))
    event = Event(1, example["source"], example["detail-type"], json.dumps(detail), resources)
    return running.send(event)[0]


def kept(running: RunningFlow, execution: Execution) -> Any:
    """Return the detail that a redrive of a failed execution would resend."""
    event = running.failed_message(execution)["event"] or running.executions.event(execution.arn)
    return (event or {}).get("detail")


def test_odd_events_are_taken_or_refused_and_kept(running: RunningFlow, events: Events) -> None:
    business = set(running.output["workflows"][MAIN]["business_errors"])
    details = odd_details(partial(events.good, running))
    odd = {what: (detail, sent(running, detail)) for what, detail in details}
    failed, problems = set(), []

    for what, (detail, event) in odd.items():
        execution, _ = running.ended(event, seconds=180)
        if execution.status == "SUCCEEDED":
            continue
        failed.add(execution.arn)
        if execution.error not in business:
            problems.append(f"{what}: {execution.error}: {execution.cause}")
        elif kept(running, execution) != detail:
            problems.append(f"{what}: the event is not kept as it was")
    url, sqs = running.flow.failed_queue_url, running.aws.client("sqs")
    dead_letters.remove(sqs, dead_letters.FAILED, url, lambda one: one.execution in failed)

    assert problems == []
    assert failed, "every odd event is taken"
