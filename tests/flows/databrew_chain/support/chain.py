"""The chain of the shared environment, as those who run jobs and its operator see it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ops.executions.executions import Execution, StateRun
from ops.flows import DeployedFlow
from ops.flows.databrew_chain import as_csv, put_customers, start_source
from ops.settings import LOCAL
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

FLOW = "databrew_chain"
MACHINE = "flowbridge-local-databrew-chain"
SOURCE, TARGET = f"{MACHINE}-source", f"{MACHINE}-target"
TABLE = f"{MACHINE}-runs"
ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")
NEWEST = 100


@dataclass
class Chain(RunningFlow):
    """The flow, with its jobs."""

    name: str = field(default=FLOW, kw_only=True)

    @property
    def deployed(self) -> DeployedFlow:
        """The flow as its hooks get it."""
        return DeployedFlow(FLOW, LOCAL, self.aws.client, self.outputs)

    def run_source(self, count: int = 50, seed: int = 1) -> str:
        """Run the source job on some customers until it ends; return the id of the run."""
        put_customers(self.deployed, as_csv(count, seed))
        run = start_source(self.deployed)
        self.run_ended(SOURCE, run)
        return run

    def started(self, job: str) -> str:
        """Start a job once it is at rest, and return the id of its run."""
        client = self.aws.client("databrew")

        def begun() -> str | None:
            try:
                run: str = client.start_job_run(Name=job)["RunId"]
            except client.exceptions.ConflictException:
                return None
            return run

        run: str = wait_for(begun, f"the end of another run of {job}")
        return run

    def run_ended(self, job: str, run: str) -> Any:
        """Return a run that has ended."""
        client = self.aws.client("databrew")

        def found() -> Any:
            answer = client.describe_job_run(Name=job, RunId=run)
            return answer if answer["State"] in ENDED else None

        return wait_for(found, f"the end of run {run}")

    def target_runs(self) -> list[Any]:
        """Return the runs of the target job, the newest first."""
        runs: list[Any] = self.aws.client("databrew").list_job_runs(Name=TARGET)["JobRuns"]
        return runs

    def chained(self, run: str) -> tuple[Execution, list[StateRun]]:
        """Return the ended execution of a run of the source job, with its states."""

        def found() -> Execution | None:
            for execution in self.executions.newest(NEWEST):
                described = self.executions.describe(execution.arn)
                detail = (described.event or {}).get("detail", {})
                if detail.get("jobRunId") == run and described.is_over:
                    return described
            return None

        execution: Execution = wait_for(found, f"the execution of run {run}")
        return execution, self.executions.history(execution.arn)

    def record(self, run: str) -> Mapping[str, Any]:
        """Return what the table has of a run of the source job."""
        key = {"runId": {"S": run}}
        item = self.aws.client("dynamodb").get_item(TableName=TABLE, Key=key).get("Item", {})
        return {name: next(iter(value.values())) for name, value in item.items()}

    @contextmanager
    def without_output_of_source(self) -> Iterator[None]:
        """Have the target job find no data."""
        s3 = self.aws.client("s3")
        bucket = self.output["buckets"]["customers"]["name"]
        prefix = self.output["jobs"]["target"]["reads"]
        for found in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=found["Key"])
        yield


def report(run: str = "", **changes: str) -> dict[str, str]:
    """Return the detail of an event of a run of the source job."""
    return {
        "jobName": SOURCE,
        "severity": "INFO",
        "state": "SUCCEEDED",
        "jobRunId": run or f"db_{uuid.uuid4().hex}",
        "message": "Job run succeeded",
        **changes,
    }
