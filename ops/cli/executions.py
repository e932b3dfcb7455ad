"""Commands that send events and show executions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ops import settings
from ops.cli import terminal
from ops.cli.options import EnvironmentOption, FlowOption, SinceOption
from ops.cli.terminal import console, step
from ops.cli.text import moment, write_privately
from ops.context import Context
from ops.errors import OperationError
from ops.executions import send as sending
from ops.executions import watch as watching
from ops.executions.events import Publisher
from ops.executions.patterns import of_rule
from ops.flow import Workflow
from ops.report.gather import gather
from ops.report.page import render
from ops.settings import LOCAL

app = typer.Typer()


@app.command()
def send(
    file: Annotated[str, typer.Argument(help="A file of events, or - for standard input.")],
    environment: EnvironmentOption = LOCAL,
    flow: FlowOption = "",
    rate: Annotated[
        float | None, typer.Option(help="The most events a second; without it, no limit.", min=0.1)
    ] = None,
) -> None:
    """Put events onto the bus: one JSON object, or one on each line."""
    items = sending.read_file(file)
    context = Context.reachable(environment)
    outputs = context.terraform.outputs()
    if flow:
        # Sent to an environment without the flow, the events would start nothing.
        Workflow.from_outputs(outputs, flow)
    client = context.aws.client("events")
    publisher = Publisher(client, outputs["event_bus_name"])
    _, refused = sending.send(publisher, items, rate)
    rules = [rule for workflow in Workflow.chosen(outputs, "") for rule in workflow.rules]
    for line in sending.taken_by_none(items, [of_rule(client, rule) for rule in rules]):
        console.print(f"[yellow]![/yellow] {escape(line)}", soft_wrap=True)
    raise typer.Exit(1 if refused else 0)


@app.command()
def watch(
    execution: Annotated[str, typer.Option(help="An execution's name, or its beginning.")] = "",
    state: Annotated[str, typer.Option(help="A state, to see its input and output.")] = "",
    once: Annotated[bool, typer.Option("--once", help="Print once instead of live.")] = False,
    environment: EnvironmentOption = LOCAL,
    flow: FlowOption = "",
) -> None:
    """Show the executions live; one execution's graph; one state's input and output."""
    if state and not execution:
        raise OperationError("A state belongs to an execution.", "Add EXECUTION=<name>.")
    context = Context.reachable(environment)
    chosen = Workflow.chosen(context.terraform.outputs(), flow)
    flows = {each.name: each.executions(context.aws.client) for each in chosen}
    if state:
        watching.show_state(flows.values(), execution, state)
    elif execution:
        watching.watch_one(flows.values(), execution, once)
    else:
        watching.watch_all(flows, once)


@app.command()
def report(
    since: SinceOption = "24h",
    most: Annotated[int, typer.Option(help="The most executions of a flow.", min=1)] = 500,
    personal: Annotated[bool, typer.Option("--personal", help="Show personal data.")] = False,
    out: Annotated[str, typer.Option(help="The file to write.")] = "",
    environment: EnvironmentOption = LOCAL,
) -> None:
    """Write an HTML file about the executions and the dead letters."""
    now = datetime.now(UTC)
    begin = moment(since, now)
    context = Context.reachable(environment)
    file = Path(out) if out else settings.load().folder / f"report-{environment}.html"
    with step("Write the report") as current:
        outputs = context.terraform.outputs()
        flows = gather(context.aws, outputs, begin, most, now, current.show)
        page = render(environment, flows, now, personal=personal)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_privately(file, page)
        except OSError as error:
            raise OperationError(
                f"The report cannot be written: {error}.", "Give a file that can be: OUT=<file>."
            ) from error
        count = sum(len(flow.visits) for flow in flows)
        current.detail = f"{count} executions, {len(page) / 1000:,.0f} kB"
    console.print(f"  {file}")
    terminal.calls(context.aws.calls.summary)
