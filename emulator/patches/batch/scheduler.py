"""Run jobs in the order of their queues, within the vCPUs of the compute environments."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol

from emulator.patches.batch import jobs
from emulator.patches.batch.jobs import ENDED, Ended

JsonObject = dict[str, Any]


@dataclass(eq=False)
class Work:
    """A job that is not an array, or a child of one.

    Parameters
    ----------
    job
        The answer of ``DescribeJobs``.
    after
        The ids of the jobs that it waits for.
    parent
        The array job that it is a child of.
    scope
        Account and region.
    """

    job: JsonObject
    after: Sequence[str]
    scope: tuple[str, str]
    parent: JsonObject | None = None
    #: Why it is stopped, once it is.
    stopped: str | None = None
    vcpus: float = field(init=False)

    def __post_init__(self) -> None:
        self.vcpus = jobs.vcpus(self.job["container"])


class World(Protocol):
    """The scheduler's view of the emulator."""

    def environments(self, work: Work) -> Mapping[str, float]:
        """Return the enabled compute environments of the job's queue, and their vCPUs."""

    def changed(self, scope: tuple[str, str], job: JsonObject) -> None:
        """Publish a job's new status."""

    def attempt(self, work: Work, number: int, environment: str) -> Ended:
        """Run one attempt of a job to its end."""

    def stop(self, work: Work) -> None:
        """Stop the attempt that runs."""

    def now(self) -> int:
        """Return milliseconds since 1970."""


class Scheduler:
    """The jobs that have not ended.

    Parameters
    ----------
    world
        The emulator.
    processes
        How many jobs this computer runs at the same time, whatever their vCPUs.
    """

    def __init__(self, world: World, processes: int = 4) -> None:
        self.world = world
        self._processes = processes
        self._lock = threading.RLock()
        self._waiting: list[Work] = []
        self._running: dict[Work, str] = {}
        self._statuses: dict[str, str] = {}
        self._children: dict[str, list[Work]] = {}

    def submit(self, works: Sequence[Work]) -> None:
        """Take a job, or all children of an array job."""
        with self._lock:
            for work in works:
                self._statuses[work.job["jobId"]] = "SUBMITTED"
            parent = works[0].parent
            if parent:
                self._children[parent["jobId"]] = list(works)
                self._turn(works[0].scope, parent, "SUBMITTED")
                self._turn(works[0].scope, parent, "PENDING")
            self._waiting += works
            for work in works:
                self._turn(work.scope, work.job, "SUBMITTED")
                if work.after:
                    self._change(work, "PENDING")
            self.advance()

    def snapshot(self, job: JsonObject) -> JsonObject:
        """Return a copy of a job."""
        with self._lock:
            return deepcopy(job)

    def advance(self) -> None:
        """Start what can start: call it when a queue or an environment changed."""
        with self._lock:
            for work in list(self._waiting):
                if work.job["status"] in ("SUBMITTED", "PENDING"):
                    self._release(work)
            taken: set[str] = set()
            for work in list(self._waiting):
                queue = work.job["jobQueue"]
                if work.job["status"] != "RUNNABLE" or queue in taken:
                    continue
                environment = self._place(work)
                if environment is None:
                    # First in, first out.
                    taken.add(queue)
                    continue
                self._waiting.remove(work)
                self._running[work] = environment
                threading.Thread(target=self._run, args=(work, environment), daemon=True).start()

    def cancel(self, job_id: str, reason: str) -> None:
        """End a job that has not started; leave one that has."""
        with self._lock:
            for work in self._of(job_id):
                if work.job["status"] in jobs.CANCELLED and work in self._waiting:
                    work.job["isCancelled"] = True
                    self._finish(work, "FAILED", reason)
            self.advance()

    def terminate(self, job_id: str, reason: str) -> None:
        """End a job, whatever its status."""
        with self._lock:
            for work in self._of(job_id):
                work.job["isTerminated"] = True
                if work in self._waiting:
                    self._finish(work, "FAILED", reason)
                elif work in self._running:
                    work.stopped = reason
                    self.world.stop(work)
            self.advance()

    def _of(self, job_id: str) -> list[Work]:
        """Return the jobs that an id is about: for an array, its children."""
        if job_id in self._children:
            return list(self._children[job_id])
        every = [*self._waiting, *self._running]
        return [work for work in every if work.job["jobId"] == job_id]

    def _release(self, work: Work) -> None:
        """Make a job RUNNABLE when those it waits for have succeeded, FAILED when one has not."""
        # One that is not known ended long ago.
        found = [self._statuses.get(job_id, "SUCCEEDED") for job_id in work.after]
        if "FAILED" in found:
            self._finish(work, "FAILED", jobs.DEPENDENCY_FAILED)
        elif all(status == "SUCCEEDED" for status in found):
            self._change(work, "RUNNABLE")

    def _place(self, work: Work) -> str | None:
        """Return the compute environment with enough free vCPUs."""
        if len(self._running) >= self._processes:
            return None
        for environment, most in self.world.environments(work).items():
            used = sum(one.vcpus for one, place in self._running.items() if place == environment)
            if used + work.vcpus <= most:
                return environment
        return None

    def _run(self, work: Work, environment: str) -> None:
        """Run the attempts of a job."""
        job = work.job
        with self._lock:
            self._change(work, "STARTING")
        number = len(job["attempts"]) + 1
        with self._lock:
            job["startedAt"] = self.world.now()
            self._change(work, "RUNNING")
        try:
            if work.stopped is not None:
                ended = Ended(None, work.stopped)
            else:
                ended = self.world.attempt(work, number, environment)
        except Exception as error:
            ended = Ended(None, f"The emulator could not run the job: {error!r}")
        with self._lock:
            self._running.pop(work, None)
            job["stoppedAt"] = self.world.now()
            outcome = {
                name: value
                for name, value in (
                    ("exitCode", ended.exit_code),
                    ("logStreamName", ended.log_stream),
                    ("reason", ended.reason),
                )
                if value not in (None, "")
            }
            job["container"] |= outcome
            why = work.stopped or ended.status_reason or (jobs.EXITED if ended.has_failed else "")
            job["attempts"].append(
                {
                    "container": outcome,
                    "startedAt": job["startedAt"],
                    "stoppedAt": job["stoppedAt"],
                    "statusReason": why,
                }
            )
            told = Ended(ended.exit_code, why, ended.reason)
            if work.stopped is None and jobs.repeats(job["retryStrategy"], number, told):
                job.pop("stoppedAt")
                self._waiting.insert(0, work)
                self._change(work, "RUNNABLE")
            elif work.stopped is not None or ended.has_failed:
                self._finish(work, "FAILED", why)
            else:
                self._finish(work, "SUCCEEDED", jobs.EXITED)
            self.advance()

    def _change(self, work: Work, status: str) -> None:
        """Give a job a status, and its array the count of it."""
        self._turn(work.scope, work.job, status)
        parent = work.parent
        if parent:
            children = self._children[parent["jobId"]]
            parent["arrayProperties"]["statusSummary"] = jobs.summary(
                child.job["status"] for child in children
            )

    def _finish(self, work: Work, status: str, reason: str) -> None:
        """End a job, and its array with the last child."""
        if work in self._waiting:
            self._waiting.remove(work)
        work.job["statusReason"] = reason
        work.job.setdefault("stoppedAt", self.world.now())
        self._change(work, status)
        parent = work.parent
        if parent is None:
            return
        children = self._children[parent["jobId"]]
        if all(child.job["status"] in ENDED for child in children):
            has_failed = any(child.job["status"] == "FAILED" for child in children)
            started = [c.job["startedAt"] for c in children if "startedAt" in c.job]
            parent |= {"stoppedAt": self.world.now()} | (
                {"startedAt": min(started)} if started else {}
            )
            if has_failed:
                parent["statusReason"] = jobs.CHILD_FAILED
            self._turn(work.scope, parent, "FAILED" if has_failed else "SUCCEEDED")
            del self._children[parent["jobId"]]

    def _turn(self, scope: tuple[str, str], job: JsonObject, status: str) -> None:
        job["status"] = self._statuses[job["jobId"]] = status
        self.world.changed(scope, deepcopy(job))
