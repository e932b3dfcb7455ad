"""A flow's dead letters and stuck executions."""

from __future__ import annotations

from datetime import datetime

from ops.aws.clients import Aws
from ops.flow import Workflow
from ops.recovery import stuck
from ops.recovery.dead_letters import DeadLetter, look, whole


def of_flow(aws: Aws, flow: Workflow, now: datetime) -> list[DeadLetter]:
    """Return the messages of a flow's queues, and the executions of it that are stuck."""
    sqs = aws.client("sqs")
    executions = flow.executions(aws.client)
    letters = [
        whole(letter, executions.event)
        for queue, url in flow.queues
        for letter in look(sqs, queue, url)
    ]
    return letters + list(stuck.find(executions, now, {x.execution for x in letters}))
