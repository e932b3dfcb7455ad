"""StoppedExecution: cancel the job of an execution that was stopped or timed out.

Step Functions runs no state of an execution that is stopped, so its end is an event.
"""

from __future__ import annotations

import json
from typing import Any

from cluster_job_manager.cluster import cluster, places
from cluster_job_manager.job_queue import CANCELLED, GRANTED, QUEUED, RUNNING
from cluster_job_manager.schedule_jobs import queue
from cluster_job_manager.scheduler import end
from flowbridge.logs import get_logger

log = get_logger("stopped_execution")

#: A grant may come between the look at a job and its end.
TRIES = 3


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Cancel the job's run and give back its space, unless another execution has the job.

    Parameters
    ----------
    event
        ``Step Functions Execution Status Change`` of a job's execution.

    Returns
    -------
    dict
        ``cancelled``: whether there was something to cancel.

    Raises
    ------
    ClusterRejected, ClusterUnavailable
        When the cluster does not cancel it. Lambda calls again, and then the scheduler's check
        does it.
    """
    execution = event["detail"]["executionArn"]
    job_id = job_of(event["detail"].get("input"))
    clusters = {name: cluster(name) for name in places()}
    for _ in range(TRIES):
        job = queue().find(job_id) if job_id else None
        if not job or job.execution != execution or job.status not in (QUEUED, GRANTED, RUNNING):
            break
        if end(queue(), clusters, job, CANCELLED, f"the execution was {event['detail']['status']}"):
            log.info("job cancelled", extra={"job_id": job.job_id, "attempt": job.attempt})
            return {"cancelled": True}
    return {"cancelled": False}


def job_of(text: str | None) -> str:
    """Return the id of the job in an execution's input, or an empty text."""
    try:
        found = json.loads(text or "")["detail"]["jobId"]
    except (ValueError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) else ""
