"""The hooks of the catalog of AppFlow's runs: exports become tables."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.executions.executions import Execution
from ops.flows import DeployedFlow, FlowHooks
from ops.local.demo import EXAMPLES, show_caused, show_failure, show_next_steps

#: The exports that the demo transfers, by transfer, one run after the other.
EXPORTS = (
    ("campaigns", "campaigns.jsonl"),
    ("opportunities", "opportunities-1.csv"),
    ("tickets", "tickets.csv"),
    ("opportunities", "opportunities-2.csv"),
)


#: Deals by the channel of their campaign, over the tables of three formats.
WON = """
SELECT c.channel, count(*) AS deals, count_if(o.is_won) AS won,
       round(sum(CASE WHEN o.is_won THEN o.amount ELSE 0 END)) AS revenue
FROM {prefix}_opportunities o JOIN {prefix}_campaigns c ON c.id = o.campaign_id
GROUP BY c.channel ORDER BY revenue DESC
"""
QUERY_SECONDS = 60


def query(deployed: DeployedFlow, text: str) -> list[list[str]]:
    """Run a query with Athena over the catalog, and return its rows, the first with the names.

    Raises
    ------
    OperationError
        When the query fails, or takes too long.
    """
    athena, database = deployed.client("athena"), deployed.output["database"]
    bucket = deployed.output["buckets"]["exports"]["name"]
    asked = athena.start_query_execution(
        QueryString=text.format(prefix=database).strip(),
        QueryExecutionContext={"Database": database},
        ResultConfiguration={"OutputLocation": f"s3://{bucket}/queries/"},
    )["QueryExecutionId"]
    deadline = time.monotonic() + QUERY_SECONDS
    while time.monotonic() < deadline:
        status = athena.get_query_execution(QueryExecutionId=asked)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            answer = athena.get_query_results(QueryExecutionId=asked)["ResultSet"]["Rows"]
            return [[cell.get("VarCharValue", "") for cell in row["Data"]] for row in answer]
        if status["State"] in ("FAILED", "CANCELLED"):
            break
        time.sleep(0.3)
    raise OperationError(
        f"The query {asked} ended as {status['State']}: {status.get('StateChangeReason', '')}.",
        "Look into the catalog.",
    )


def transfer(deployed: DeployedFlow, name: str, *exports: Path) -> str:
    """Replace the exports, start their flow of AppFlow, and return the id of its run."""
    s3, bucket = deployed.client("s3"), deployed.output["buckets"]["exports"]["name"]
    found = s3.list_objects_v2(Bucket=bucket, Prefix=f"{name}/").get("Contents", [])
    for one in found:
        s3.delete_object(Bucket=bucket, Key=one["Key"])
    for export in exports:
        s3.upload_file(str(export), bucket, f"{name}/{export.name}")
    flow = deployed.output["transfers"][name]
    run: str = deployed.client("appflow").start_flow(flowName=flow)["executionId"]
    return run


def demo(deployed: DeployedFlow) -> None:
    """Transfer the exports of three applications; show their tables, and a bad event."""
    examples = EXAMPLES / deployed.name
    catalogued = []
    for name, export in EXPORTS:
        heading(f"AppFlow transfers {export}")
        begun = datetime.now(UTC)
        run = transfer(deployed, name, examples / export)
        console.print(f"[green]✓[/green] Run {run} of {deployed.output['transfers'][name]}")
        execution = show_caused(
            deployed,
            begun,
            lambda event, run=run: event["detail"].get("execution-id") == run,  # type: ignore[misc]
        )
        catalogued.append(execution)

    heading(f"The tables of {deployed.output['database']} in the Glue catalog")
    console.print(tables(deployed, catalogued))

    heading("Athena joins them: won and lost deals by channel")
    rows = query(deployed, WON)
    shown = Table(*rows[0])
    for row in rows[1:]:
        shown.add_row(*map(escape, row))
    console.print(shown)

    heading("A report that names no run arrives")
    show_failure(deployed, examples / "bad_event.json", "failed-runs")
    show_next_steps(examples / "event.json", "FindTable")


def tables(deployed: DeployedFlow, executions: list[Execution]) -> Table:
    """Return the tables of the catalog, with their columns and the partition of each execution."""
    glue = deployed.client("glue")
    shown = Table("table", "format", "columns", "partition", "records")
    for answer in (execution.answer or {} for execution in executions):
        found: Any = glue.get_table(DatabaseName=answer["database"], Name=answer["table"])["Table"]
        columns = found["StorageDescriptor"]["Columns"]
        shown.add_row(
            escape(found["Name"]),
            found["Parameters"]["classification"],
            ", ".join(f"{column['Name']} [dim]{column['Type']}[/dim]" for column in columns),
            escape(answer["partition"]),
            str(answer["records"]),
        )
    return shown


HOOKS = FlowHooks(demo=demo)
