"""``make demo``: the main job, from an event on the bus to rows in the database."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from ops.aws.clients import Aws
from ops.cli.screens import escape, indented_json
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.executions.events import Publisher
from ops.executions.executions import Execution
from ops.executions.follow import follow
from ops.executions.send import read_file
from ops.flow import Flow
from ops.recovery import dead_letters
from ops.recovery.rows import CrmDatabase
from ops.settings import REPOSITORY

EXAMPLES = REPOSITORY / "examples" / "crm_registration"
QUEUE_SECONDS = 15


def good_lead(aws: Aws, flow: Flow, outputs: Mapping[str, Any]) -> None:
    """Send the article's event and show the rows that arrived.

    Raises
    ------
    OperationError
        When the execution does not succeed or a row is missing.
    """
    heading("A lead arrives on the bus")
    execution, event = _run(aws, flow, "event.json")
    if execution.status != "SUCCEEDED":
        raise OperationError(
            f"Execution {execution.name} ended as {execution.status}: {execution.error}.",
            f"Look into it: make watch EXECUTION={execution.name}",
        )
    heading("Rows in the database")
    rut = event["detail"]["rut"]
    database = CrmDatabase(outputs["database"], aws.client("secretsmanager"))
    try:
        tables = database.rows(rut)
    finally:
        database.close()
    for name, rows in tables.items():
        if len(rows) != 1:
            raise OperationError(
                f"{name} holds {len(rows)} rows of {rut} instead of one.",
                f"Look into it: make watch EXECUTION={execution.name}",
            )
        console.print(_rows_table(name, rows))


def bad_lead(aws: Aws, flow: Flow) -> None:
    """Send a lead that nobody can register, and show where it ended.

    Raises
    ------
    OperationError
        When it does not end in the queue.
    """
    heading("A bad lead arrives on the bus")
    execution, _ = _run(aws, flow, "bad_event.json")
    if execution.status != "FAILED":
        raise OperationError(
            f"Execution {execution.name} ended as {execution.status}, not as FAILED.",
            f"Look into it: make watch EXECUTION={execution.name}",
        )
    heading("Its message in the failed-leads queue, from which it can be sent again")
    console.print(escape(indented_json(_queued(aws, flow, execution))), soft_wrap=True)


def how_to_go_on(aws: Aws, outputs: Mapping[str, Any]) -> None:
    """Print what a newcomer can do next."""
    heading("The local environment is up. Go on with")
    commands = Table(box=None, show_header=False, pad_edge=False)
    for command, purpose in (
        ("make send FILE=examples/crm_registration/leads.jsonl", "send more leads"),
        ("make watch", "see the executions, live"),
        ("make watch EXECUTION=<name> STATE=CreateClient", "see one state's input and output"),
        ("make dead-letters", "see what failed, and why"),
        ("make plan", "see that Terraform has nothing left to do"),
        ("make down", "stop everything"),
    ):
        commands.add_row(f"  [bold]{command}[/bold]", f"[dim]{purpose}[/dim]")
    console.print(commands)
    if form := outputs["web_urls"].get("lead_form"):
        console.print(f"\nThe lead form, for your browser: [bold]{form}[/bold]", soft_wrap=True)
    url = outputs["api_urls"]["crm_registration"]
    console.print(f"\n[dim]API {url}, AWS endpoint {aws.client('sts').meta.endpoint_url}[/dim]")


def _run(aws: Aws, flow: Flow, example: str) -> tuple[Execution, dict[str, Any]]:
    import json

    file = EXAMPLES / example
    publisher = Publisher(aws.client("events"), flow.event_bus_name)
    [item] = read_file(str(file))
    [outcome] = list(publisher.publish([item]))  # type: ignore[list-item]
    if outcome.event_id is None:
        raise OperationError(f"The bus refused the event: {outcome.reason}.", "Try again.")
    event: dict[str, Any] = json.loads(file.read_text())
    console.print(
        f"[green]✓[/green] {file.relative_to(REPOSITORY)} is on the bus "
        f"{flow.event_bus_name} as event {outcome.event_id}"
    )
    execution, _ = follow(flow.executions(aws.client), outcome.event_id)
    color = "green" if execution.status == "SUCCEEDED" else "yellow"
    console.print(f"  [{color}]{execution.status}[/{color}]", execution.error or "")
    return execution, event


def _queued(aws: Aws, flow: Flow, execution: Execution) -> str:
    sqs, url = aws.client("sqs"), flow.failed_queue_url
    deadline = time.monotonic() + QUEUE_SECONDS
    while time.monotonic() < deadline:
        for letter in dead_letters.look(sqs, dead_letters.FAILED, url):
            if letter.execution == execution.arn:
                return str(letter.raw["Body"])
        time.sleep(0.5)
    raise OperationError(
        f"The lead of execution {execution.name} is not in {flow.failed_queue_url}.",
        f"Look into it: make watch EXECUTION={execution.name}",
    )


def _rows_table(name: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=name, title_justify="left", title_style="bold")
    for column in rows[0]:
        table.add_column(column)
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    return table
