"""The scheduler: give waiting jobs their space, and keep the queue and the executions in step.

It can be ended at any moment. A job is granted in one transaction, and its execution is notified
after that; a grant without a notice is found by the next round.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from cluster_job_manager.cluster import Cluster, Use
from cluster_job_manager.errors import ClusterUnavailable
from cluster_job_manager.job_queue import (
    CANCELLED,
    GRANTED,
    QUEUED,
    RUNNING,
    JobQueue,
    Record,
)
from cluster_job_manager.jobs import EMPTY, run_key
from cluster_job_manager.planning import Waiting, free_space, plan
from flowbridge.errors import SecretUnavailable
from flowbridge.logs import get_logger

log = get_logger("schedule_jobs")

WORKERS = 8
#: A grant whose notice is missing for this long belongs to a scheduler that was ended.
NOTICE_SECONDS = 5.0
#: Executions that are looked at in one check.
CHECKED = 100
#: A job is checked when it holds its space for this long.
CHECK_SECONDS = 300.0


@dataclass(frozen=True)
class Policy:
    """The settings of the scheduler.

    Parameters
    ----------
    backfill_seconds
        How long a job that does not fit lets smaller ones pass.
    heartbeat_seconds
        How often the execution of a waiting job must be sent a heartbeat.
    """

    backfill_seconds: float
    heartbeat_seconds: float


class Scheduler:
    """Rounds over the queue.

    Parameters
    ----------
    queue
        The jobs.
    clusters
        The clusters by name.
    states
        A ``stepfunctions`` client.
    policy
        The settings.
    now
        Returns the time in seconds.
    """

    def __init__(
        self,
        queue: JobQueue,
        clusters: Mapping[str, Cluster],
        states: Any,
        policy: Policy,
        now: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._clusters = clusters
        self._states = states
        self._policy = policy
        self._now = now
        self._checked_at = 0.0
        self._beat_at = 0.0

    def round(self) -> dict[str, int]:
        """Start what fits; return how many jobs were started, and were found without notice."""
        notices = self._resend()
        uses = self._uses()
        started = self._start(uses) if uses else 0
        if self._now() - self._beat_at >= self._policy.heartbeat_seconds / 3:
            self._beat_at = self._now()
            self._beat()
        if self._now() - self._checked_at >= CHECK_SECONDS:
            self._checked_at = self._now()
            self._check()
        return {"started": started, "resent": notices}

    def _uses(self) -> dict[str, Use]:
        """Return the use of each cluster that answers."""
        found = {}
        for name, cluster in self._clusters.items():
            try:
                found[name] = cluster.use()
            except (ClusterUnavailable, SecretUnavailable) as error:
                log.warning("cluster skipped", extra={"cluster": name, "reason": str(error)})
        return found

    def _start(self, uses: Mapping[str, Use]) -> int:
        seen = dict.fromkeys(uses, EMPTY)
        for job in self._queue.with_status(RUNNING):
            use = uses.get(job.cluster)
            if use and job.accepted_at is not None and job.accepted_at <= use.sampled_at:
                seen[job.cluster] += job.needs
        free, most = {}, {}
        for name, use in uses.items():
            granted = self._queue.granted(name)
            size = self._clusters[name].place.size
            free[name] = free_space(size, use.total, use.used, granted, seen[name])
            # Holds when another scheduler grants at the same time.
            most[name] = granted + free[name]
        sizes = {name: self._clusters[name].place.size for name in uses}
        read: dict[str, Record] = {}

        def waiting() -> Any:
            for job in self._queue.with_status(QUEUED):
                read[job.job_id] = job
                yield Waiting(job.job_id, job.needs, job.blocked_at)

        found = plan(waiting(), free, sizes, self._now(), self._policy.backfill_seconds)
        for job_id in found.blocked:
            self._queue.mark_blocked(read[job_id])

        def start(job_id: str, cluster: str) -> bool:
            job = read[job_id]
            if not self._queue.grant(job, cluster, most[cluster]):
                return False
            self._notify(job, cluster)
            return True

        # In the order of the queue: if another scheduler grants too, the first ones come first.
        return sum([start(*one) for one in found.starts])

    def _resend(self) -> int:
        """Notify the executions whose grant has no notice."""
        before = self._now() - NOTICE_SECONDS
        lost = [
            job
            for job in self._queue.with_status(GRANTED)
            if not job.sent and job.granted_at < before
        ]
        for job in lost:
            self._notify(job, job.cluster)
        return len(lost)

    def _notify(self, job: Record, cluster: str) -> None:
        """Let a job's execution go on.

        A token that is not valid any more was answered before, or its execution takes the grant by
        itself, or it has ended: then the check gives the space back.
        """
        errors = self._states.exceptions
        try:
            self._states.send_task_success(
                taskToken=job.token, output=f'{{"cluster": "{cluster}"}}'
            )
        except (errors.TaskTimedOut, errors.TaskDoesNotExist, errors.InvalidToken) as error:
            kind = type(error).__name__
            log.warning("token not valid", extra={"job_id": job.job_id, "reason": kind})
        self._queue.mark_sent(job)

    def _beat(self) -> None:
        """Send heartbeats to the executions of waiting jobs; a dead one leaves the queue."""

        def beat(job: Record) -> None:
            errors = self._states.exceptions
            try:
                self._states.send_task_heartbeat(taskToken=job.token)
            except (errors.TaskTimedOut, errors.TaskDoesNotExist, errors.InvalidToken):
                self._end_if_dead(job)
            else:
                self._queue.mark_alive(job)

        late = self._now() - self._policy.heartbeat_seconds / 3
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(beat, (j for j in self._queue.with_status(QUEUED) if j.beat_at <= late)))

    def _check(self) -> None:
        """Give back the space of jobs whose execution has ended."""
        before = self._now() - CHECK_SECONDS
        for status in (GRANTED, RUNNING):
            old = [job for job in self._queue.with_status(status) if job.granted_at < before]
            # Any of them, so that each is checked some time.
            for job in random.sample(old, min(CHECKED, len(old))):
                self._end_if_dead(job)

    def _end_if_dead(self, job: Record) -> None:
        if not self.is_dead(job.execution):
            return
        if end(self._queue, self._clusters, job, CANCELLED, "the execution of the job has ended"):
            log.warning("job without execution ended", extra={"job_id": job.job_id})

    def is_dead(self, execution: str) -> bool:
        """Return whether an execution has ended, or is unknown."""
        try:
            found = self._states.describe_execution(executionArn=execution)
        except self._states.exceptions.ExecutionDoesNotExist:
            return True
        return bool(found["status"] != "RUNNING")


def end(
    queue: JobQueue, clusters: Mapping[str, Cluster], job: Record, status: str, error: str
) -> bool:
    """Cancel a job on its cluster, and end it; return whether it did not end before.

    Raises
    ------
    ClusterRejected, ClusterUnavailable
        When the cluster does not cancel it; it keeps its space then.
    """
    if job.status != QUEUED and job.cluster in clusters:
        clusters[job.cluster].cancel(run_key(job.job_id, job.attempt))
    return queue.release(job, status, error)
