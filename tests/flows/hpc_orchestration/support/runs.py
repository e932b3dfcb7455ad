"""The batch computing of the shared environment, as its users and its operator see it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from hpc_orchestration.claims import RUN
from ops.executions.executions import Execution
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

FLOW = "hpc_orchestration"
MACHINE = "flowbridge-local-hpc-orchestration"
DEAD_JOBS = f"{MACHINE}-dead-jobs"
SIMULATE, COLLECT = f"{MACHINE}-simulate", f"{MACHINE}-collect"
TABLE = f"{MACHINE}-batches"
BUCKET = "flowbridge-local-hpc-000000000000"
#: Of the local environment.
MAX_CONCURRENCY = 4
#: How long the failure of a dead job may take to reach its task, on a busy computer.
SOON = 20.0

JsonObject = dict[str, Any]


@dataclass
class Runs(RunningFlow):
    """The flow, as those who request runs and its operator see it."""

    name: str = field(default=FLOW, kw_only=True)

    def record(self, run: str, batch: str, **fields: str) -> None:
        """Write the record of a batch."""
        item = {
            name: {"S": text} for name, text in (fields | {"runId": run, "batch": batch}).items()
        }
        self.aws.client("dynamodb").put_item(TableName=TABLE, Item=item)

    def records(self, run: str) -> dict[str, dict[str, str]]:
        """Return the records of a run's batches, by batch."""
        pages = (
            self.aws.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=TABLE,
                KeyConditionExpression="runId = :run",
                ExpressionAttributeValues={":run": {"S": run}},
            )
        )
        items = [item for page in pages for item in page["Items"]]
        return {
            item["batch"]["S"]: {name: value["S"] for name, value in item.items()}
            for item in items
            if item["batch"]["S"] != RUN
        }

    def jobs(self, run: str) -> list[JsonObject]:
        """Return the jobs of a run, without the children of arrays."""
        filters = [{"name": "JOB_NAME", "values": [f"{run}_*"]}]
        pages = (
            self.aws.client("batch")
            .get_paginator("list_jobs")
            .paginate(jobQueue=MACHINE, filters=filters)
        )
        return [dict(job) for page in pages for job in page["jobSummaryList"]]

    def ended_jobs(self, run: str) -> list[JsonObject]:
        """Return the jobs of a run, once all have ended."""
        wait_for(lambda: all("stoppedAt" in job for job in self.jobs(run)), f"jobs of {run}", 60)
        return self.jobs(run)

    def job(self, run: str, kind: str) -> JsonObject:
        """Return the first job of a run of one kind, once there is one."""

        def found() -> JsonObject | None:
            some = [
                job
                for job in self.jobs(run)
                if (job["jobName"].endswith("_simulate")) == (kind == "simulate")
            ]
            return some[0] if some else None

        job: JsonObject = wait_for(found, f"the {kind} job of {run}", 60)
        return job

    def children(self, execution: Execution) -> list[JsonObject]:
        """Return the executions of the batches of a run."""
        client = self.aws.client("stepfunctions")
        [run] = client.list_map_runs(executionArn=execution.arn)["mapRuns"]
        pages = client.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
        return [dict(one) for page in pages for one in page["executions"]]

    def prices(self, run: str, batch: str) -> list[JsonObject]:
        """Return the prices of a batch."""
        key = f"runs/{run}/{batch}/prices.json"
        answer = self.aws.client("s3").get_object(Bucket=BUCKET, Key=key)
        found: list[JsonObject] = json.loads(answer["Body"].read())
        return found

    def role_of(self, function: str) -> str:
        """Return the name of a function's role."""
        found = self.aws.client("lambda").get_function_configuration(FunctionName=function)
        return str(found["Role"].rpartition("/")[2])

    def stops_its_job(self) -> bool:
        """Stop a run while its job waits, and return whether the job is stopped with it."""
        with self.full_queue():
            run = new_run(1)
            execution = self.execution(self.publish(run)[0])
            self.job(run["runId"], "simulate")
            self.executions.stop(execution.arn, "test")
            return self.soon(lambda: self.job(run["runId"], "simulate")["status"] == "FAILED")

    def fails_its_task(self, *, terminated: bool = False) -> float:
        """Have the job of a task die before it answers.

        Parameters
        ----------
        terminated
            Whether it is stopped before it starts; else it dies of its missing files.

        Returns
        -------
        float
            The seconds from the death until the run ended; `SOON` when its task waits on.
        """
        run, batch = new_run(1), self.aws.client("batch")
        # Its parts are not there.
        self.record(run["runId"], "e0", status="SIMULATED")
        with self.full_queue() if terminated else nullcontext():
            execution = self.execution(self.publish(run)[0])
            job = self.job(run["runId"], "collect")["jobId"]
            if terminated:
                batch.terminate_job(jobId=job, reason="killed by a test")

            def has_died() -> bool:
                return bool(batch.describe_jobs(jobs=[job])["jobs"][0]["status"] == "FAILED")

            def has_failed() -> bool:
                return self.executions.describe(execution.arn).status == "FAILED"

            wait_for(has_died, f"the death of {job}", 90)
            death = time.monotonic()
            if self.soon(has_failed):
                return time.monotonic() - death
            self.executions.stop(execution.arn, "test")
            return SOON

    def full_queue(self) -> FullQueue:
        """Return what keeps jobs from starting."""
        return FullQueue(self.aws.client("batch"))

    def soon(self, condition: Callable[[], bool]) -> bool:
        """Return whether something happens within `SOON`."""
        deadline = time.monotonic() + SOON
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.5)
        return True


@dataclass
class FullQueue:
    """A compute environment that starts no job."""

    client: Any

    def __enter__(self) -> None:
        self.client.update_compute_environment(computeEnvironment=MACHINE, state="DISABLED")

    def __exit__(self, *_: object) -> None:
        self.client.update_compute_environment(computeEnvironment=MACHINE, state="ENABLED")


def new_run(entries: int, **changes: Any) -> JsonObject:
    """Return the detail of a new run."""
    return {
        "runId": f"t-{secrets.token_hex(6)}",
        "paths": 200,
        "shards": 2,
        "entries": [
            {
                "name": f"e{number}",
                "spot": 100,
                "strike": 80 + number % 40,
                "rate": 0.03,
                "volatility": 0.2,
                "years": 1,
            }
            for number in range(entries)
        ],
        **changes,
    }
