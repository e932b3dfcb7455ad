"""Which executions have queued their event, as the log of CatchErrors reports.

ListExecutions gives the status of an execution, and neither its error nor its last state. After
CatchErrors has queued an event, it logs one line with the execution, so one read of its log answers
for thousands of executions. A line that is missing costs one more call, and never an event: the
execution's history is read then.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

#: The message of that line.
QUEUED = "execution failed"


def queued(client: Any, group: str | None, since: datetime) -> set[str]:
    """Return the ARNs of the executions whose event was queued since then.

    Parameters
    ----------
    client
        A boto3 ``logs`` client.
    group
        The log group of CatchErrors; None where there is none.
    since
        The oldest line that is read.
    """
    if group is None:
        return set()
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        startTime=int(since.timestamp() * 1000),
        filterPattern=f'"{QUEUED}"',
    )
    try:
        lines = [event["message"] for page in pages for event in page["events"]]
    except client.exceptions.ResourceNotFoundException:
        return set()
    return {arn for line in lines if (arn := marked(line))}


def marked(line: str) -> str | None:
    """Return the execution whose event was queued, as a line reports; None for another line."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    if not isinstance(fields, dict) or fields.get("message") != QUEUED:
        return None
    arn = fields.get("execution")
    return arn if isinstance(arn, str) else None
