"""ScheduleJobs: called by a schedule, give waiting jobs the free space of the clusters."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from cluster_job_manager.cluster import cluster, places
from cluster_job_manager.job_queue import JobQueue
from cluster_job_manager.scheduler import Policy, Scheduler
from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import get_logger

log = get_logger("schedule_jobs")

#: A scheduler that was ended holds back the next one for so long at most.
LEASE_SECONDS = 30.0
#: Left for the last round before the function's timeout.
RESERVE_SECONDS = 25.0


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Work in rounds until shortly before the next call, if no other scheduler works.

    Parameters
    ----------
    event
        Its ``detail`` has ``workSeconds``, and ``roundSeconds`` between two rounds; without them,
        there is one round.

    Returns
    -------
    dict
        ``works``: whether this one worked; ``rounds`` and ``started``: how much.
    """
    jobs = queue()
    owner = context.aws_request_id
    detail = event.get("detail") or {}
    pause = float(detail.get("roundSeconds", 0))
    until = time.monotonic() + float(detail.get("workSeconds", 0))
    rounds = started = 0
    scheduler = new_scheduler(jobs)
    try:
        while jobs.take_lease(owner, LEASE_SECONDS):
            rounds += 1
            started += scheduler.round()["started"]
            is_late = context.get_remaining_time_in_millis() < 1000 * (RESERVE_SECONDS + pause)
            if is_late or time.monotonic() + pause >= until:
                break
            time.sleep(pause)
    finally:
        jobs.give_lease(owner)
    log.info("scheduler ends", extra={"rounds": rounds, "started": started})
    return {"works": rounds > 0, "rounds": rounds, "started": started}


def new_scheduler(jobs: JobQueue) -> Scheduler:
    """Return a scheduler with the settings of the environment variables."""
    policy = Policy(
        config.seconds("BACKFILL_SECONDS", 3600.0), config.seconds("HEARTBEAT_SECONDS", 3600.0)
    )
    clusters = {name: cluster(name) for name in places()}
    return Scheduler(jobs, clusters, client("stepfunctions"), policy, time.time)


@lru_cache(maxsize=1)
def queue() -> JobQueue:
    """Return the table of the environment variable ``JOBS_TABLE``."""
    return JobQueue(client("dynamodb"), config.required("JOBS_TABLE"), time.time)
