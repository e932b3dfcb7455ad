"""Hundreds of jobs while schedulers are killed, work at once, and the cluster fails."""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from ops.settings import REPOSITORY
from tests.flows.cluster_job_manager.support.jobs import (
    CPU,
    NAME,
    TABLE,
    ClusterJobs,
    most_at_once,
    new_job,
)
from tests.support.platform import Platform, wait_for
from tests.support.stream import Stream

#: Two cores each: the cluster takes twenty at once.
COUNT, CORES = 500, 2
SECONDS = 420
#: How long the cluster answers 503 meanwhile.
OUTAGES = [8, pytest.param(60, marks=pytest.mark.long)]
#: A scheduler in a process of its own, which needs no lease.
SCHEDULER = """
import time
from cluster_job_manager.schedule_jobs import new_scheduler, queue
scheduler = new_scheduler(queue())
while True:
    scheduler.round()
    time.sleep(0.5)
"""


@dataclass
class JobStream(Stream[dict[str, Any]]):
    """Jobs that succeed, at the first attempt or later."""

    jobs: ClusterJobs = field(kw_only=True)
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def new(self) -> dict[str, Any]:
        """Return the next job, not requested yet; one of 25 fails at first."""
        payload: dict[str, Any] = {"runSeconds": 0.2}
        if len(self.items) % 25 == 24:
            payload |= {"error": "lost a node", "errorTimes": 1}
        priority = self.chance.randint(0, 9)
        self.items.append(new_job(cpu=CORES, memoryGb=2, priority=priority, payload=payload))
        return self.items[-1]

    def put(self, *items: dict[str, Any]) -> list[str]:
        """Request jobs at once."""
        return self.jobs.publish(*items)

    def is_there_once(self, item: dict[str, Any]) -> bool:
        """Return whether the job was done, and by one run."""
        [runs] = self.jobs.runs([item["jobId"]]).values()
        states = [run["state"] for run in runs]
        failures = ["FAILED"] * item["payload"].get("errorTimes", 0)
        return states == [*failures, "SUCCEEDED"]


@pytest.fixture(scope="module")
def jobs(platform: Platform) -> Iterator[ClusterJobs]:
    found = ClusterJobs(platform.settings)
    yield found
    found.change_cluster(sampleSeconds=0)


@contextmanager
def scheduler(jobs: ClusterJobs) -> Iterator[subprocess.Popen[bytes]]:
    """Run one more scheduler, and kill it at the end."""
    function = jobs.aws.client("lambda").get_function_configuration(
        FunctionName=f"{NAME}-schedule-jobs"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", SCHEDULER],
        env={
            **os.environ,
            **function["Environment"]["Variables"],
            **jobs.aws.variables(),
            "PYTHONPATH": str(REPOSITORY / "lambda_src"),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("outage", OUTAGES)
def test_five_hundred_jobs_on_a_cluster_that_takes_twenty(jobs: ClusterJobs, outage: int) -> None:
    jobs.settle()
    jobs.change_cluster(forget=True, sampleSeconds=2)
    stream = JobStream(jobs, jobs=jobs)
    with jobs.without_schedule():
        stream.send(COUNT)
        wait_for(lambda: len(statuses(jobs, stream)) == COUNT, "all jobs in the queue", 180)
        errors = jobs.publish(*(new_job(cpu=CORES, **FAILING) for _ in range(3)))
        large = jobs.publish(*(new_job(cpu=CPU + 1) for _ in range(3)))
    # Now the function's scheduler works, and two more that are killed again and again.
    jobs.change_cluster(loseAnswers=5)
    began, is_down = time.monotonic(), False
    while Counter(statuses(jobs, stream).values())["SUCCEEDED"] < COUNT:
        assert time.monotonic() - began < SECONDS + outage, Counter(statuses(jobs, stream).values())
        with scheduler(jobs), scheduler(jobs):
            time.sleep(6)
        if not is_down and time.monotonic() - began > 15:
            is_down = True
            jobs.change_cluster(unavailableSeconds=outage)

    report = stream.ended()

    assert is_down
    stream.check(report)
    overview = jobs.cluster()
    assert (overview["refused"], overview["peak"]["cpu"] <= CPU) == (0, True)
    assert most_at_once(overview["runs"]) <= CPU
    # No attempt ran twice: the cluster runs a key once, and there are no more keys.
    assert len(overview["runs"]) == COUNT + COUNT // 25 + 3 * 2
    assert {jobs.result(event).error for event in errors} == {"JobFailed"}
    assert {jobs.result(event).error for event in large} == {"JobTooLarge"}
    jobs.settle()
    check_order(jobs, stream)


FAILING: dict[str, Any] = {"maxAttempts": 2, "payload": {"runSeconds": 0.1, "error": "no input"}}


def statuses(jobs: ClusterJobs, stream: JobStream) -> dict[str, str]:
    """Return the status of each job of a stream that is in the table."""
    wanted = {item["jobId"] for item in stream.items}
    pages = jobs.aws.client("dynamodb").get_paginator("scan").paginate(TableName=TABLE)
    items = (item for page in pages for item in page["Items"] if item["jobId"]["S"] in wanted)
    return {item["jobId"]["S"]: item["status"]["S"] for item in items}


def check_order(jobs: ClusterJobs, stream: JobStream) -> None:
    """Check that more urgent jobs began before others."""
    begun: dict[int, list[float]] = {}
    runs = jobs.runs(item["jobId"] for item in stream.items)
    for item in stream.items:
        begun.setdefault(item["priority"], []).append(runs[item["jobId"]][0]["acceptedAt"])
    means = [statistics.mean(begun[priority]) for priority in sorted(begun, reverse=True)]
    assert means == sorted(means)
