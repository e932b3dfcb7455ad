"""Executions that ended before they could leave a message: found, and set going again.

An execution that fails as its flow foresees queues its event and ends in a Fail state. One that was
stopped, ran out of time, or could not even queue its event has left nothing but itself. Step
Functions can let a Standard one go on from the state in which it ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from ops.executions.events import SYNTHETIC
from ops.executions.executions import Execution, Executions, NotRedrivableError
from ops.recovery.dead_letters import DeadLetter

STUCK = "stuck"


def find(
    executions: Executions,
    now: datetime,
    known: Container[str | None],
    queued: Callable[[], Container[str]] = frozenset,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[DeadLetter]:
    """Yield the executions that are stuck.

    Parameters
    ----------
    executions
        The executions of a state machine.
    now
        The current time.
    known
        The executions that have a message in a queue.
    queued
        Returns the executions that have queued a message, which may be gone. The history of the
        others is read.
    progress
        Is called with what is being done.
    """
    ended = [e for e in executions.failed(now - executions.remembered) if e.arn not in known]
    for _, letter in among(executions, ended, queued, progress):
        yield letter


def among(
    executions: Executions,
    ended: Sequence[Execution],
    queued: Callable[[], Container[str]],
    progress: Callable[[str], None],
) -> Iterator[tuple[Execution, DeadLetter]]:
    """Yield those of some ended executions that are stuck, with their letters; see `find`."""
    if not ended:
        return
    marked = queued()
    unmarked = [e for e in ended if e.arn not in marked]
    with ThreadPoolExecutor(max_workers=10) as pool:
        letters = pool.map(lambda execution: stuck(executions, execution), unmarked)
        found = zip(unmarked, letters, strict=True)
        for number, (execution, letter) in enumerate(found, start=1):
            progress(f"history {number:,} of {len(unmarked):,}")
            if letter:
                yield execution, letter


def stuck(executions: Executions, execution: Execution) -> DeadLetter | None:
    """Return an ended execution as a dead letter; nothing if it ended as its flow foresees.

    None also for a smoke test, whose synthetic data must not go on.
    """
    end = executions.end(execution.arn)
    if end.kind == "Fail":
        return None
    event = executions.event(execution.arn)
    if event and SYNTHETIC in (event.get("resources") or ()):
        return None
    body = {
        "execution": execution.arn,
        "status": execution.status,
        "state": end.state,
        "error": {"name": end.error, "cause": end.cause},
        "event": event,
    }
    return DeadLetter(
        queue=STUCK,
        message_id=execution.name,
        receipt="",
        since=execution.stopped or execution.started,
        state=end.state,
        error=end.error or execution.status,
        cause=end.cause,
        execution=execution.arn,
        event=event,
        raw={"Body": json.dumps(body, ensure_ascii=False)},
    )


def resume(executions: Executions, letter: DeadLetter) -> str | None:
    """Let an execution go on from the state in which it ended; return why it cannot, if so."""
    try:
        executions.redrive(str(letter.execution))
    except NotRedrivableError as error:
        return f"cannot go on: {error}"
    return None
