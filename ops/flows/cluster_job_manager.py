"""The hooks of the cluster job manager: jobs wait for a cluster's space, run, and are retried."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from rich.live import Live
from rich.table import Table

from emulator.stand_ins.compute_cluster import TOKEN
from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.executions.events import Event, Malformed, Publisher
from ops.executions.executions import Execution
from ops.executions.send import read_file
from ops.flows import Clients, DeployedFlow, FlowHooks
from ops.local.demo import EXAMPLES, show_failure, show_next_steps, show_success
from ops.local.stand_ins import put_secret
from ops.recovery.places import Contents, Inspector, Key

SCHEDULER = "ScheduleJobs"
SECRET = "flowbridge-local-cluster-job-manager-token"  # noqa: S105  a name, not a value
#: The limit of BatchGetItem.
MOST_AT_ONCE = 100
NIGHT_SECONDS = 120
ROUNDS = {"roundSeconds": 1, "workSeconds": 50}
POLL_SECONDS = 0.5
BAR = 40
#: Of an answer: the job, and its status then.
COLUMNS = ("jobId", "status")
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


def demo(deployed: DeployedFlow) -> None:
    """Run one job, a night of jobs that compete, and one that no cluster could hold.

    Raises
    ------
    OperationError
        When the jobs do not end as expected.
    """
    examples = EXAMPLES / deployed.name
    # The schedule does it each minute.
    deployed.client("lambda").invoke(
        FunctionName=deployed.function(SCHEDULER),
        Qualifier="live",
        InvocationType="Event",
        Payload=json.dumps({"detail": ROUNDS}),
    )

    heading("A job waits for its space, and runs")
    execution, _ = show_success(deployed, examples / "event.json")
    console.print(escape(json.dumps(execution.answer, indent=2, ensure_ascii=False)))

    heading("A night's jobs compete for the cluster")
    show_night(deployed, night(deployed))

    heading("A job that no cluster could hold is refused at once")
    show_failure(deployed, examples / "bad_event.json", "failed-jobs")
    show_next_steps(examples / "jobs.jsonl", "JobQueueRequest")


def night(deployed: DeployedFlow) -> list[str]:
    """Request the jobs of the example, under new ids; return the ids."""
    found = []
    for item in read_file(str(EXAMPLES / deployed.name / "jobs.jsonl")):
        if isinstance(item, Malformed):
            raise OperationError(f"jobs.jsonl: {item.reason}.", "Correct it.")
        job = json.loads(item.detail)
        job["jobId"] += f"-{uuid4().hex[:6]}"
        found.append(
            (job["jobId"], Event(item.line, item.source, item.detail_type, json.dumps(job)))
        )
    publisher = Publisher(deployed.client("events"), deployed.workflow.event_bus_name)
    refused = [one for one in publisher.publish([event for _, event in found]) if not one.event_id]
    if refused:
        raise OperationError("The bus refused jobs.", "Try again.")
    return [job_id for job_id, _ in found]


def show_night(deployed: DeployedFlow, jobs: list[str]) -> None:
    """Show jobs live until all have ended, then how each ran."""
    deadline = time.monotonic() + NIGHT_SECONDS
    with Live(console=console, refresh_per_second=4) as live:
        while True:
            records = records_of(deployed, jobs)
            live.update(progress(records, len(jobs), cluster(deployed, "/metrics")))
            if all(text(record, "status") in ENDED for record in records.values()) and (
                len(records) == len(jobs)
            ):
                break
            if time.monotonic() > deadline:
                raise OperationError(
                    f"The jobs did not end within {NIGHT_SECONDS} s.",
                    "See the executions: make watch",
                )
            time.sleep(POLL_SECONDS)
    overview = cluster(deployed, "/v1/jobs")
    runs = [run for run in overview["runs"] if run["key"].rpartition(".")[0] in records]
    first = min(run["acceptedAt"] for run in runs)
    table = Table(box=None, pad_edge=False)
    for column in ("job", "priority", "cores", "GB", "started after", "ran", "run"):
        table.add_column(column, justify="left" if column in ("job", "run") else "right")
    for run in sorted(runs, key=lambda one: float(one["acceptedAt"])):
        job_id, _, attempt = run["key"].rpartition(".")
        record = records[job_id]
        table.add_row(
            job_id.rpartition("-")[0],
            number(record, "priority"),
            number(record, "cpu"),
            number(record, "memoryGb"),
            f"{run['acceptedAt'] - first:.1f} s",
            f"{run['endsAt'] - run['acceptedAt']:.1f} s",
            f"{run['state']}, attempt {attempt}",
        )
    console.print(table)
    peak, states = overview["peak"], Counter(text(r, "status") for r in records.values())
    console.print(
        f"{states['SUCCEEDED']} of {len(jobs)} jobs succeeded in {len(runs)} runs. "
        f"At most {peak['cpu']:g} cores and {peak['memoryGb']:g} GB were used at once; "
        f"the cluster had to refuse {overview['refused']} runs."
    )


def progress(records: dict[str, Any], jobs: int, metrics: str) -> Table:
    """Return the state of jobs and of the cluster, in two lines."""
    values = dict(
        line.split(" ") for line in metrics.splitlines() if line and not line.startswith("#")
    )
    used, total = (float(values[f"cluster_cpu_cores_{part}"]) for part in ("used", "total"))
    filled = round(BAR * used / total)
    states = Counter(text(record, "status") for record in records.values())
    waiting = jobs - sum(states.values()) + states["QUEUED"]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row(
        "[dim]cores[/dim]",
        f"[green]{'█' * filled}[/green][dim]{'░' * (BAR - filled)}[/dim] {used:g} of {total:g}",
    )
    table.add_row(
        "[dim]jobs[/dim]",
        f"{waiting} wait, {states['GRANTED'] + states['RUNNING']} run, "
        f"{sum(states[end] for end in ENDED)} ended",
    )
    return table


def records_of(deployed: DeployedFlow, jobs: Iterable[str]) -> dict[str, Any]:
    """Return the records of jobs, by job."""
    client, table = deployed.client("dynamodb"), deployed.output["tables"]["jobs"]["name"]
    wanted, found = sorted(set(jobs)), {}
    for start in range(0, len(wanted), MOST_AT_ONCE):
        keys = [{"jobId": {"S": job}} for job in wanted[start : start + MOST_AT_ONCE]]
        asked: Any = {table: {"Keys": keys, "ConsistentRead": True}}
        while asked:
            answer = client.batch_get_item(RequestItems=asked)
            found.update({text(item, "jobId"): item for item in answer["Responses"].get(table, [])})
            asked = answer.get("UnprocessedKeys")
    return found


def inspect(deployed: DeployedFlow) -> Inspector:
    """Return what finds the records of the jobs that executions report."""

    def look(executions: Iterable[Execution]) -> Contents:
        answers = [execution.answer for execution in executions if execution.answer]
        records = records_of(deployed, [answer["jobId"] for answer in answers])
        found: Counter[Key] = Counter()
        for key in {tuple(str(answer[column]) for column in COLUMNS) for answer in answers}:
            status = text(records.get(key[0], {}), "status")
            # A job that was done stays done; one that another execution manages goes on.
            if status and (key[1] != "SUCCEEDED" or status == "SUCCEEDED"):
                found[key] = 1
        return Contents({"jobs": COLUMNS}, {"jobs": found})

    return Inspector(look)


def stand_ins(client: Clients, _url: str) -> None:
    """Create the secret with the token of the clusters, which the emulator plays."""
    put_secret(client, SECRET, TOKEN)


def cluster(deployed: DeployedFlow, path: str, name: str = "main") -> Any:
    """Return what the emulator's cluster answers."""
    url = f"{deployed.client('sts').meta.endpoint_url}{deployed.output['clusters'][name]}{path}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  loopback
        body = answer.read().decode()
    return body if path == "/metrics" else json.loads(body)


def text(item: Any, name: str) -> str:
    """Return an attribute that is a text."""
    return str(item.get(name, {}).get("S", ""))


def number(item: Any, name: str) -> str:
    """Return an attribute that is a number."""
    return str(item.get(name, {}).get("N", ""))


HOOKS = FlowHooks(demo=demo, inspect=inspect, stand_ins=stand_ins)
