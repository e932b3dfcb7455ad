"""Write three data sets, crawl them by tag, and query them with and without a partition."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.table import Table

from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.executions.events import Event, Publisher
from ops.executions.executions import Execution, Executions
from ops.executions.follow import follow
from ops.flows import DeployedFlow
from ops.local.demo import EXAMPLES, look_into, queued, show_next_steps, show_success

SECONDS = 60.0
REQUEST, DATA_SETS = "event.json", "data_sets.json"
SUM = "SELECT SUM(usage) all_time_usage FROM daily_user_summaries"
SUM_OF_A_YEAR = f"{SUM} WHERE year = '2016'"
#: A data set whose table has no partitions.
SMALL = "all-time-location-summaries"


def demo(deployed: DeployedFlow) -> None:
    """Show the data sets, the crawl, the tables, two queries, and a crawler that fails."""
    heading("Three data sets: usage by user and day, by location and day, by location for all time")
    show_data_sets(created(deployed))

    heading("Every crawler with the tag datatype = json")
    execution, _ = show_success(deployed, EXAMPLES / deployed.name / REQUEST)
    show_crawlers(execution.answer or {})
    show_tables(deployed)

    heading("The same sum over all years and over one")
    show_queries(deployed)

    heading("A crawler that fails is named, and the others run")
    with broken(deployed):
        failed = requested(deployed, REQUEST)
        body = json.loads(queued(deployed, failed))
    console.print(f"  [yellow]{failed.status}[/yellow] {escape(failed.error or '')}")
    console.print(escape(body["error"]["cause"]), soft_wrap=True)
    show_next_steps(EXAMPLES / deployed.name / REQUEST, "ListCrawlers")


def created(deployed: DeployedFlow, **years: int) -> dict[str, dict[str, int]]:
    """Have the data sets written, and return what was written of each.

    Raises
    ------
    OperationError
        When create_dataset fails.
    """
    machine = deployed.output["children"]["create_dataset"]["state_machine_arn"]
    executions = Executions(deployed.client("stepfunctions"), machine)
    execution, _ = follow(executions, published(deployed, DATA_SETS, **years))
    if execution.status != "SUCCEEDED" or execution.answer is None:
        raise OperationError(
            f"create_dataset ended as {execution.status}: {execution.error}.", look_into(execution)
        )
    return execution.answer


def published(deployed: DeployedFlow, file: str, **fields: Any) -> str:
    """Publish an example, whose detail gets more fields, and return the event's id.

    Raises
    ------
    OperationError
        When the bus refuses it.
    """
    example = json.loads((EXAMPLES / deployed.name / file).read_text(encoding="utf-8"))
    detail = json.dumps({**example["detail"], **fields})
    publisher = Publisher(deployed.client("events"), deployed.workflow.event_bus_name)
    [outcome] = publisher.publish([Event(1, example["source"], example["detail-type"], detail)])
    if outcome.event_id is None:
        raise OperationError(f"The bus refused the event: {outcome.reason}.", "Try again.")
    return outcome.event_id


def requested(deployed: DeployedFlow, file: str) -> Execution:
    """Publish a request of crawlers, and return its execution when it has ended."""
    executions = deployed.workflow.executions(deployed.client)
    return follow(executions, published(deployed, file))[0]


@contextmanager
def broken(deployed: DeployedFlow) -> Iterator[None]:
    """Have a file in the small data set that no crawler can read."""
    client, bucket = deployed.client("s3"), deployed.output["buckets"]["data"]["name"]
    key = f"data/{SMALL}/broken.json.gz"
    client.put_object(Bucket=bucket, Key=key, Body=b"not packed")
    try:
        yield
    finally:
        client.delete_object(Bucket=bucket, Key=key)


def run_query(deployed: DeployedFlow, query: str) -> tuple[dict[str, Any], list[list[str]]]:
    """Run a query in the flow's workgroup; return its execution, and its rows below the header.

    Raises
    ------
    OperationError
        When it fails, or does not end.
    """
    athena, places = deployed.client("athena"), deployed.output["athena"]
    identifier = athena.start_query_execution(
        QueryString=query,
        WorkGroup=places["workgroup"],
        QueryExecutionContext={"Database": places["database"]},
    )["QueryExecutionId"]
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        execution = athena.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]
        state = execution["Status"]["State"]
        if state == "SUCCEEDED":
            found = athena.get_query_results(QueryExecutionId=identifier)["ResultSet"]["Rows"]
            rows = [[one.get("VarCharValue", "") for one in row["Data"]] for row in found]
            return execution, rows[1:]
        if state in ("FAILED", "CANCELLED"):
            reason = execution["Status"].get("StateChangeReason", "")
            raise OperationError(f"The query {state}: {reason}.", "Run the crawlers first.")
        time.sleep(0.2)
    raise OperationError(f"The query {identifier} does not end.", "See its workgroup.")


def scanned(execution: dict[str, Any]) -> int:
    """Return the bytes that a query scanned."""
    return int(execution["Statistics"]["DataScannedInBytes"])


def tables(deployed: DeployedFlow) -> dict[str, dict[str, Any]]:
    """Return the tables of the flow's database, each with its number of partitions, by name."""
    glue, database = deployed.client("glue"), deployed.output["athena"]["database"]
    found = {}
    for table in glue.get_tables(DatabaseName=database)["TableList"]:
        pages = glue.get_paginator("get_partitions").paginate(
            DatabaseName=database, TableName=table["Name"]
        )
        found[table["Name"]] = {**table, "partitions": sum(len(p["Partitions"]) for p in pages)}
    return found


def shown(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Print a table, with numbers on the right."""
    table = Table(box=None, pad_edge=False)
    for name, value in zip(columns, rows[0], strict=True):
        table.add_column(
            name, header_style="dim", justify="right" if isinstance(value, int) else "left"
        )
    for row in rows:
        table.add_row(*(f"{v:,}" if isinstance(v, int) else escape(str(v)) for v in row))
    console.print(table)


def show_data_sets(written: dict[str, dict[str, int]]) -> None:
    """Print what was written of each data set."""
    columns = ("files", "bytes", "records", "usage")
    rows = [(name, *(one[column] for column in columns)) for name, one in written.items()]
    shown(("data set", *columns), rows)


def show_crawlers(report: dict[str, Any]) -> None:
    """Print how each crawler of a request ended."""
    columns = ("crawler", "outcome", "startedAt", "crawls")
    shown(columns, [tuple(one[column] for column in columns) for one in report["crawlers"]])


def show_tables(deployed: DeployedFlow) -> None:
    """Print the tables that the crawlers found."""
    shown(
        ("table", "columns", "partition keys", "partitions"),
        [
            (
                name,
                ", ".join(c["Name"] for c in table["StorageDescriptor"]["Columns"]),
                ", ".join(key["Name"] for key in table["PartitionKeys"]),
                table["partitions"],
            )
            for name, table in sorted(tables(deployed).items())
        ],
    )


def show_queries(deployed: DeployedFlow) -> None:
    """Run both queries, and print their sums and the bytes that they scanned."""
    rows = []
    for query in (SUM, SUM_OF_A_YEAR):
        execution, found = run_query(deployed, query)
        rows.append((query, int(found[0][0]), scanned(execution)))
    shown(("query", "sum", "bytes scanned"), list(rows))
    console.print(
        f"One year scans {rows[1][2] / rows[0][2]:.1%} of the data (the article: 133 of 797 KB, "
        "17%)."
    )
