"""Show a lead on its way from the bus to the database, and a bad lead on its way to the queue."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.flows import DeployedFlow
from ops.flows.crm_registration.rows import CrmDatabase
from ops.local.demo import (
    EXAMPLES,
    endpoint,
    look_into,
    show_failure,
    show_next_steps,
    show_success,
)


def run(deployed: DeployedFlow) -> None:
    """Send the two examples, and show the rows and the message in the queue.

    Raises
    ------
    OperationError
        When the leads do not arrive there.
    """
    examples = EXAMPLES / deployed.name
    heading("A lead arrives on the bus")
    execution, event = show_success(deployed, examples / "event.json")
    heading("Rows in the database")
    rut = event["detail"]["rut"]
    database = CrmDatabase(deployed.outputs["database"], deployed.client("secretsmanager"))
    try:
        tables = database.rows(rut)
    finally:
        database.close()
    for name, rows in tables.items():
        if len(rows) != 1:
            raise OperationError(
                f"{name} holds {len(rows)} rows of {rut} instead of one.", look_into(execution)
            )
        console.print(_rows_table(name, rows))
    heading("A bad lead arrives on the bus")
    show_failure(deployed, examples / "bad_event.json", "failed-leads")
    show_next_steps(examples / "leads.jsonl", "CreateClient")
    if form := deployed.output.get("web_url"):
        console.print(f"\nThe lead form, for your browser: [bold]{form}[/bold]", soft_wrap=True)
    url = deployed.output["apis"]["crm"]["url"]
    console.print(f"\n[dim]API {url}, AWS endpoint {endpoint(deployed)}[/dim]")


def _rows_table(name: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=name, title_justify="left", title_style="bold")
    # The execution was shown above.
    columns = [column for column in rows[0] if column != "execution"]
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(escape(str(row[column])) for column in columns))
    return table
