"""A flow's dead letters and stuck executions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ops.aws.clients import Aws
from ops.flow import Workflow
from ops.recovery import marks, stuck
from ops.recovery.dead_letters import DeadLetter, look, whole


def of_flow(
    aws: Aws, flow: Workflow, now: datetime, progress: Callable[[str], None] = lambda _: None
) -> list[DeadLetter]:
    """Return the messages of a flow's queues, and the executions of it that are stuck.

    `progress` is called with what is being done.
    """
    progress("read the queues")
    sqs = aws.client("sqs")
    executions = flow.executions(aws.client)
    letters = [
        whole(letter, executions.event)
        for queue, url in flow.queues
        for letter in look(sqs, queue, url)
    ]
    progress("list the failed executions")
    known = {letter.execution for letter in letters}

    def queued() -> set[str]:
        since = now - executions.remembered
        return marks.queued(aws.client("logs"), flow.catch_errors_log_group, since)

    return letters + list(stuck.find(executions, now, known, queued, progress))
