"""The right to forward events of AWS services to the platform's bus."""

from __future__ import annotations

from collections.abc import Callable

from ops.recovery import dead_letters
from tests.support.expectations import Right, Try
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

NEWEST = 100


def forwarding(running: RunningFlow, cause: Callable[[], str]) -> dict[Right, Try]:
    """Return a try of the right to forward events of AWS services.

    Parameters
    ----------
    running
        A flow that asks for such events.
    cause
        Has a service send an event, and returns a text that only this event contains.
    """
    sqs, url = running.aws.client("sqs"), running.outputs["aws_events"]["undelivered_queue_url"]

    def error_of() -> str | None:
        text = cause()

        def is_this(letter: dead_letters.DeadLetter) -> bool:
            return text in str(letter.raw["Body"])

        def fate() -> str | None:
            for execution in running.executions.newest(NEWEST):
                if text in (running.executions.describe(execution.arn).input or ""):
                    return "started"
            letters = dead_letters.look(sqs, dead_letters.UNDELIVERED, url)
            return next((one.error for one in letters if is_this(one)), None)

        found: str = wait_for(fate, f"the event with {text}")
        dead_letters.remove(sqs, dead_letters.UNDELIVERED, url, is_this)
        return None if found == "started" else found

    rule = running.outputs["aws_events"]["name"]
    return {(f"{rule}-events", "PutEvents"): error_of}
