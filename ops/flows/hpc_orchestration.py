"""The hooks of the batch computing: runs are divided into jobs, whose prices are shown."""

from __future__ import annotations

import json
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.table import Table

from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.flows import DeployedFlow, FlowHooks
from ops.local.demo import EXAMPLES, show_failure, show_next_steps, show_success

END_SECONDS = 20
COLUMNS = ("name", "price", "error", "exact", "paths")


def demo(deployed: DeployedFlow) -> None:
    """Price the options of the example, and show the jobs and the prices.

    Raises
    ------
    OperationError
        When the run does not succeed.
    """
    examples = EXAMPLES / deployed.name
    heading("A run is requested: six options, in batches of two")
    # Its own name: a run of the same name is done already.
    run = f"demo-{secrets.token_hex(4)}"
    event = json.loads((examples / "event.json").read_text(encoding="utf-8"))
    event["detail"]["runId"] = run
    with tempfile.TemporaryDirectory(dir=examples, prefix="run-") as folder:
        file = Path(folder, "event.json")
        file.write_text(json.dumps(event), encoding="utf-8")
        show_success(deployed, file)

    heading("Its jobs on AWS Batch")
    jobs = Table(box=None, pad_edge=False)
    for column in ("job", "status", "children", "seconds"):
        jobs.add_column(column, header_style="dim")
    for job in ended_jobs(deployed, run):
        size = (job.get("arrayProperties") or {}).get("size", "")
        seconds = (job["stoppedAt"] - job["startedAt"]) / 1000 if "startedAt" in job else 0.0
        jobs.add_row(escape(job["jobName"]), job["status"], str(size), f"{seconds:.1f}")
    console.print(jobs)

    heading("The prices, simulated and by the formula of Black and Scholes")
    found = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        found.add_column(column, header_style="dim")
    for price in prices(deployed, run):
        found.add_row(*(str(price[column]) for column in COLUMNS))
    console.print(found)

    heading("A run with an impossible option")
    show_failure(deployed, examples / "bad_event.json", "failed-runs")
    show_next_steps(examples / "event.json", "ComputeBatches")


def jobs_of(deployed: DeployedFlow, run: str) -> list[dict[str, Any]]:
    """Return the jobs of a run, by name."""
    client = deployed.client("batch")
    queue = deployed.output["job_queues"]["jobs"]["name"]
    filters = [{"name": "JOB_NAME", "values": [f"{run}_*"]}]
    pages = client.get_paginator("list_jobs").paginate(jobQueue=queue, filters=filters)
    found = [job for page in pages for job in page["jobSummaryList"]]
    return sorted(found, key=lambda job: str(job["jobName"]))


def ended_jobs(deployed: DeployedFlow, run: str) -> list[dict[str, Any]]:
    """Return the jobs of a run that has ended, whose last one may still clear up."""
    deadline = time.monotonic() + END_SECONDS
    while True:
        found = jobs_of(deployed, run)
        if all("stoppedAt" in job for job in found) or time.monotonic() > deadline:
            return [job for job in found if "stoppedAt" in job]
        time.sleep(0.5)


def prices(deployed: DeployedFlow, run: str) -> list[dict[str, Any]]:
    """Return the prices of a run."""
    client, bucket = deployed.client("s3"), deployed.output["buckets"]["results"]["name"]
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"runs/{run}/")
    keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
    return [
        price
        for key in keys
        if key.endswith("/prices.json")
        for price in json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    ]


HOOKS = FlowHooks(demo=demo)
