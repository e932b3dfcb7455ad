"""The cluster job manager of the shared environment, as its clients and its operator see it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from cluster_job_manager.job_queue import GRANTED, LEASE, LEDGER, RUNNING
from emulator.stand_ins.compute_cluster import TOKEN
from ops.executions.executions import Execution
from ops.flows.cluster_job_manager import ROUNDS
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

FLOW = "cluster_job_manager"
NAME = "flowbridge-local-cluster-job-manager"
TABLE = f"{NAME}-jobs"
MAIN = "main"
#: The cluster's size in the settings of the local environment.
CPU, MEMORY_GB = 40, 160


@dataclass
class ClusterJobs(RunningFlow):
    """The flow, its table and its cluster."""

    name: str = field(default=FLOW, kw_only=True)

    def cluster(self, method: str = "GET", path: str = "/v1/jobs", **body: Any) -> Any:
        """Call the cluster, and return its answer."""
        url = f"{self.settings.endpoint}/_cluster/{MAIN}{path}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.request(method, url, headers=headers, json=body or None, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def change_cluster(self, **settings: Any) -> None:
        """Change the cluster's settings."""
        self.cluster("PUT", "/settings", **settings)

    def runs(self, jobs: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the runs of jobs on the cluster, by job and in the order of their attempts."""
        wanted: dict[str, list[dict[str, Any]]] = {job: [] for job in jobs}
        for run in self.cluster()["runs"]:
            job = run["key"].rpartition(".")[0]
            if job in wanted:
                wanted[job].append(run)
        return wanted

    def record(self, job_id: str) -> dict[str, Any]:
        """Return a job's record, or nothing."""
        client = self.aws.client("dynamodb")
        key = {"jobId": {"S": job_id}}
        item = client.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item", {})
        return {name: next(iter(value.values())) for name, value in item.items()}

    def granted(self) -> tuple[float, float]:
        """Return the cores and memory that the ledger says are granted."""
        ledger = self.record(f"{LEDGER}{MAIN}")
        return float(ledger.get("cpu", 0)), float(ledger.get("memoryGb", 0))

    def wait_for_status(self, job_id: str, *statuses: str, seconds: float = 60) -> dict[str, Any]:
        """Return a job's record once it has a status."""

        def found() -> dict[str, Any] | None:
            record = self.record(job_id)
            return record if record.get("status") in statuses else None

        record: dict[str, Any] = wait_for(found, f"{job_id} as {statuses}", seconds)
        return record

    def round(self, **detail: Any) -> dict[str, Any]:
        """Have the scheduler work one round, and return what it did."""
        answer = self.aws.client("lambda").invoke(
            FunctionName=self.function("ScheduleJobs"),
            Qualifier="live",
            Payload=json.dumps({"detail": detail}),
        )
        found: dict[str, Any] = json.load(answer["Payload"])
        assert "FunctionError" not in answer, found
        return found

    def switch_schedule(self, *, on: bool) -> None:
        """Switch the scheduler's schedule; when it is on, a scheduler works at once."""
        scheduler, name = self.aws.client("scheduler"), f"{NAME}-scheduler"
        found = scheduler.get_schedule(GroupName=name, Name=name)
        kept = ("ScheduleExpression", "FlexibleTimeWindow", "Target", "Description")
        scheduler.update_schedule(
            Name=name,
            GroupName=name,
            State="ENABLED" if on else "DISABLED",
            **{key: found[key] for key in kept},
        )
        if on:
            self.aws.client("lambda").invoke(
                FunctionName=self.function("ScheduleJobs"),
                Qualifier="live",
                InvocationType="Event",
                Payload=json.dumps({"detail": ROUNDS}),
            )
        else:
            self.take_lease_away()

    def take_lease_away(self) -> None:
        """Have the scheduler that works end after its round."""
        client, until = self.aws.client("dynamodb"), time.time() + 60
        lease = {"jobId": {"S": LEASE}, "owner": {"S": "test"}, "until": {"N": str(until)}}
        client.put_item(TableName=TABLE, Item=lease)
        # It looks each second.
        time.sleep(3)
        client.delete_item(TableName=TABLE, Key={"jobId": {"S": LEASE}})

    @contextmanager
    def without_schedule(self) -> Iterator[None]:
        """Have no scheduler work but the test's own."""
        self.switch_schedule(on=False)
        try:
            yield
        finally:
            self.switch_schedule(on=True)

    def request(self, **job: Any) -> tuple[str, str]:
        """Request a job; return its id and that of its event."""
        given = new_job(**job)
        [event] = self.publish(given)
        return given["jobId"], event

    def result(self, event: str, *, seconds: float = 150) -> Execution:
        """Return the ended execution of an event."""
        return self.ended(event, seconds=seconds)[0]

    def stop(self, event: str) -> None:
        """Stop the execution of an event, as an operator does."""
        self.executions.stop(self.execution(event).arn, "no longer needed")

    def holders(self) -> dict[str, str]:
        """Return the jobs that the table says hold space, each with its execution."""
        pages = self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=TABLE)
        return {
            item["jobId"]["S"]: item["execution"]["S"]
            for page in pages
            for item in page["Items"]
            if item.get("status", {}).get("S") in {GRANTED, RUNNING} and item["cpu"]["N"] != "0"
        }

    def settle(self) -> None:
        """End what other tests left running, and wait until nothing is granted any more."""
        for job, execution in self.holders().items():
            if self.executions.describe(execution).is_over:
                # The scheduler's check would find it within minutes.
                given = json.dumps({"detail": {"jobId": job}})
                detail = {"executionArn": execution, "status": "ABORTED", "input": given}
                error = self.error_of(self.function("StoppedExecution"), {"detail": detail})
                assert error is None, error
            else:
                self.executions.stop(execution, "no longer needed")
        deadline = time.monotonic() + 60
        while (granted := self.granted()) != (0, 0):
            assert time.monotonic() < deadline, f"{granted} is granted to {self.holders()}."
            time.sleep(0.5)


def new_job(**changes: Any) -> dict[str, Any]:
    """Return a job with an id of its own."""
    payload = {"program": "test", **changes.pop("payload", {})}
    job = {"jobId": f"job-{uuid.uuid4().hex[:12]}", "cpu": 4, "memoryGb": 4}
    return {**job, "timeLimitSeconds": 600, "payload": payload, **changes}


def most_at_once(runs: Iterable[dict[str, Any]]) -> float:
    """Return the most cores that runs used at once."""
    changes = []
    for run in runs:
        changes += [(run["acceptedAt"], run["cpu"]), (run["endsAt"], -run["cpu"])]
    used = most = 0.0
    # At one moment, what ends makes space for what starts.
    for _, cpu in sorted(changes):
        used += cpu
        most = max(most, used)
    return most
