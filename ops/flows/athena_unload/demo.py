"""Show the four unloads on generated data."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlparse

from rich.table import Table

from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.executions.events import Event, Publisher
from ops.executions.executions import Execution
from ops.executions.follow import follow
from ops.flows import DeployedFlow
from ops.flows.athena_unload import data
from ops.local.demo import EXAMPLES, look_into, show_next_steps

SECONDS = 60.0
FIRST_DAYS = ("2026-11-28", "2026-11-29")
SECOND_DAY = "2026-11-30"
FEATURES = {"gender": "M", "maritalStatus": "M", "education": "4 yr Degree", "year": 2001}
#: The query of the first use case.
JOINED = (
    "SELECT * FROM store_returns, item, web_returns, customer_address WHERE "
    "sr_item_sk = i_item_sk AND wr_item_sk = i_item_sk AND wr_refunded_addr_sk = ca_address_sk"
)
REQUESTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("returned_items", {}),
    ("customer_returns", {"returnedDate": data.RETURNED, "customer": data.CUSTOMER}),
    ("discount_features", FEATURES),
    ("reviews", {}),
)


def demo(deployed: DeployedFlow) -> None:
    """Fill the lake, run the four unloads and a second day, and show files, sizes and notices."""
    heading("The raw data")
    count, size = fill(deployed, *FIRST_DAYS)
    console.print(f"{count} files of tab-separated values, {size / 1e6:.1f} MB, are in the lake.")

    heading("Four unloads")
    for use_case, parameters in REQUESTS:
        show(unloaded(deployed, use_case, parameters))

    heading("Parquet with Snappy next to CSV")
    csv_bytes, parquet_bytes = sizes_of_forms(deployed)
    console.print(
        f"The joined returns have {csv_bytes / 1e6:.2f} MB as CSV and "
        f"{parquet_bytes / 1e6:.2f} MB as Parquet: {parquet_bytes / csv_bytes:.0%} "
        "(the article: 62 of 248 GB, 25%)."
    )

    heading("The next day's reviews arrive")
    before = pointer(deployed, "reviews")
    fill(deployed, SECOND_DAY)
    notice = unloaded(deployed, "reviews", {})
    show(notice)
    console.print(f"Until then consumers read run {escape(before['run'])}.")
    show_next_steps(EXAMPLES / deployed.name / "event.json", "PlanUnload")


def fill(deployed: DeployedFlow, *days: str) -> tuple[int, int]:
    """Put raw files into the lake; return how many there are and their bytes."""
    client, bucket = deployed.client("s3"), deployed.output["buckets"]["lake"]["name"]
    sizes = []
    for key, content in data.objects(iter(days)):
        client.put_object(Bucket=bucket, Key=key, Body=content)
        sizes.append(len(content))
    return len(sizes), sum(sizes)


def request(deployed: DeployedFlow, use_case: str, parameters: dict[str, Any]) -> Execution:
    """Publish a request, and return its execution when it has ended.

    Raises
    ------
    OperationError
        When the bus refuses it.
    """
    example = json.loads((EXAMPLES / deployed.name / "event.json").read_text(encoding="utf-8"))
    detail = json.dumps({"useCase": use_case, "parameters": parameters})
    workflow = deployed.workflow
    publisher = Publisher(deployed.client("events"), workflow.event_bus_name)
    [outcome] = publisher.publish([Event(1, example["source"], example["detail-type"], detail)])
    if outcome.event_id is None:
        raise OperationError(f"The bus refused the request: {outcome.reason}.", "Try again.")
    execution, _ = follow(workflow.executions(deployed.client), outcome.event_id)
    return execution


def unloaded(deployed: DeployedFlow, use_case: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run an unload, and return the notice that the consumer gets.

    Raises
    ------
    OperationError
        When it fails, or the consumer gets no notice.
    """
    console.print(f"[bold]{use_case}[/bold]")
    execution = request(deployed, use_case, parameters)
    if execution.status != "SUCCEEDED":
        raise OperationError(
            f"Execution {execution.name} ended as {execution.status}: {execution.error}.",
            look_into(execution),
        )
    return received(deployed, execution)


def received(deployed: DeployedFlow, execution: Execution) -> dict[str, Any]:
    """Return the notice of an execution from the consumer's queue.

    Raises
    ------
    OperationError
        When it does not arrive.
    """
    client, url = deployed.client("sqs"), deployed.output["queues"]["consumer"]["url"]
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        found = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in found.get("Messages", []):
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            notice: dict[str, Any] = json.loads(message["Body"])
            if notice["run"].endswith(execution.name):
                return notice
    raise OperationError(f"No notice of {execution.name} arrived.", look_into(execution))


def pointer(deployed: DeployedFlow, use_case: str) -> dict[str, Any]:
    """Return the pointer to the current run of a use case."""
    bucket = deployed.output["buckets"]["output"]["name"]
    found = deployed.client("s3").get_object(Bucket=bucket, Key=f"current/{use_case}.json")
    content: dict[str, Any] = json.loads(found["Body"].read())
    return content


def files(deployed: DeployedFlow, notice: dict[str, Any]) -> list[bytes]:
    """Return the files that the manifest of a notice names."""
    client = deployed.client("s3")

    def read(location: str) -> bytes:
        place = urlparse(location)
        found = client.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
        content: bytes = found["Body"].read()
        return content

    return [read(line) for line in read(notice["manifest"]).decode().split()]


def sizes_of_forms(deployed: DeployedFlow) -> tuple[int, int]:
    """Return the bytes of the joined returns as CSV and as Parquet with Snappy."""
    bucket = deployed.output["buckets"]["output"]["name"]
    place = f"s3://{bucket}/unload/csv/{time.time_ns()}/"
    options = "format = 'TEXTFILE', compression = 'NONE', field_delimiter = ','"
    query = f"UNLOAD ({JOINED}) TO '{place}' WITH ({options})"
    run_query(deployed, query)
    key = urlparse(place).path.lstrip("/")
    found = deployed.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]
    current: int = pointer(deployed, "returned_items")["bytes"]
    return sum(one["Size"] for one in found), current


def run_query(deployed: DeployedFlow, query: str, *parameters: str) -> dict[str, Any]:
    """Run a query in the flow's workgroup, and return its execution.

    Raises
    ------
    OperationError
        When it fails.
    """
    athena, places = deployed.client("athena"), deployed.output["athena"]
    given = {"ExecutionParameters": list(parameters)} if parameters else {}
    identifier = athena.start_query_execution(
        QueryString=query,
        WorkGroup=places["workgroup"],
        QueryExecutionContext={"Database": places["database"]},
        **given,
    )["QueryExecutionId"]
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        found: dict[str, Any] = athena.get_query_execution(QueryExecutionId=identifier)
        execution: dict[str, Any] = found["QueryExecution"]
        state = execution["Status"]["State"]
        if state == "SUCCEEDED":
            return execution
        if state in ("FAILED", "CANCELLED"):
            reason = execution["Status"].get("StateChangeReason", "")
            raise OperationError(f"The query {state}: {reason}.", "Correct the query.")
        time.sleep(0.2)
    raise OperationError(f"The query {identifier} does not end.", "See its workgroup.")


def show(notice: dict[str, Any]) -> None:
    """Print what a consumer learns."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name in ("manifest", "files", "bytes", "scannedBytes"):
        table.add_row(f"[dim]{name}[/dim]", escape(str(notice[name])))
    console.print(table)
