"""ReceiveJob: validate the job in the event, and refuse one that no cluster could hold."""

from __future__ import annotations

from typing import Any

from cluster_job_manager.cluster import places
from cluster_job_manager.errors import InvalidJob, JobTooLarge
from cluster_job_manager.jobs import Job, Space, digest, load_schema, with_defaults
from flowbridge.event_detail import read_detail
from flowbridge.logs import get_logger
from flowbridge.schema import Validator

log = get_logger("receive_job")
validator = Validator(load_schema())


def handler(event: Any, _context: object) -> Job:
    """Return the event's ``detail``, validated, with defaults and its digest.

    Parameters
    ----------
    event
        An EventBridge event.

    Raises
    ------
    InvalidJob
        When the detail is not a job; the message has the field and the rule.
    JobTooLarge
        When no cluster is large enough, even without any other job.
    """
    job = read_detail(event, "job", with_defaults, validator, InvalidJob)
    needed = Space(job["cpu"], job["memoryGb"])
    if not any(place.size.holds(needed) for place in places().values()):
        raise JobTooLarge(
            f"the job needs {needed.cpu} cores and {needed.memory_gb} GB; no cluster has as much"
        )
    log.info("job received", extra={"event_id": event.get("id"), "job_id": job["jobId"]})
    return {**job, "digest": digest(job)}
