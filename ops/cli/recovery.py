"""Commands for events that failed or got lost: list, redrive, discard, reconcile."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.cli import screens, terminal
from ops.cli.options import EnvironmentOption, FlowOption, SinceOption, YesOption, agreement
from ops.cli.screens import escape
from ops.cli.terminal import console
from ops.cli.text import moment
from ops.context import Context
from ops.errors import OperationError
from ops.executions.events import Publisher
from ops.flow import Workflow
from ops.flows import DeployedFlow, inspector
from ops.recovery import dead_letters as letters
from ops.recovery import reconcile as reconciling
from ops.recovery import redrive as redriving
from ops.recovery import waiting
from ops.recovery.stuck import STUCK
from ops.settings import LOCAL

app = typer.Typer()
#: Listed after the flows: events that the bus could not write to its audit log.
AUDIT_LOG = "audit log"


@app.command()
def dead_letters(
    message: Annotated[str, typer.Option(help="A message's id, to see all of it.")] = "",
    environment: EnvironmentOption = LOCAL,
    flow: FlowOption = "",
) -> None:
    """List failed and stuck events with their errors, or show one message in full."""
    context, now = Context.reachable(environment), datetime.now(UTC)
    outputs = context.terraform.outputs()
    found = _waiting(context, Workflow.chosen(outputs, flow), now)
    if not flow:
        found[AUDIT_LOG] = letters.look(
            context.aws.client("sqs"), letters.UNAUDITED, outputs["event_audit"]["queue_url"]
        )
    if message:
        letter = letters.one(itertools.chain(*found.values()), message, environment)
        console.print(escape(screens.indented_json(letter.raw["Body"])), soft_wrap=True)
        return
    for name, some in found.items():
        if not flow:
            terminal.heading(name)
        console.print(screens.dead_letters_table(some, now))
    terminal.calls(context.aws.calls.summary)


def _waiting(
    context: Context, flows: Sequence[Workflow], now: datetime
) -> dict[str, list[letters.DeadLetter]]:
    """Return the dead letters of flows by name. Each queue takes a second or more, so at once."""
    for service in ("sqs", "stepfunctions", "logs"):
        # boto3 does not create clients in several threads.
        context.aws.client(service)
    with terminal.working("Look for dead letters") as current, ThreadPoolExecutor(10) as pool:

        def look(flow: Workflow) -> list[letters.DeadLetter]:
            def show(text: str) -> None:
                current.show(f"{flow.name}: {text}")

            return waiting.of_flow(context.aws, flow, now, show)

        return {flow.name: some for flow, some in zip(flows, pool.map(look, flows), strict=True)}


@app.command()
def redrive(
    message: Annotated[str, typer.Option(help="The message with this id, or its beginning.")] = "",
    error: Annotated[str, typer.Option(help="All messages with this error.")] = "",
    state: Annotated[str, typer.Option(help="All messages that failed in this state.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All messages.")] = False,
    rate: Annotated[float, typer.Option(help="The most events a second.", min=0.1)] = 5,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--no-dry-run", help="Only show what would be sent.")
    ] = False,
    environment: EnvironmentOption = LOCAL,
    flow: FlowOption = "",
) -> None:
    """Redrive dead letters: resend their events, and resume stuck executions."""
    selection = redriving.Selection(message, error, state, everything)
    selection.check()
    context = Context.reachable(environment)
    outputs = context.terraform.outputs()
    sqs = context.aws.client("sqs")
    begun: dict[str, Iterator[redriving.Outcome]] = {}
    flows = Workflow.chosen(outputs, flow)
    # Before the redrive, because a redriven event may fail meanwhile.
    waits = _waiting(context, flows, datetime.now(UTC))
    for chosen in flows:
        executions = chosen.executions(context.aws.client)
        found = waits[chosen.name]
        begun[chosen.name] = itertools.chain(
            redriving.redrive(
                sqs,
                Publisher(context.aws.client("events"), chosen.event_bus_name),
                chosen.queues,
                executions.event,
                selection,
                rate,
                dry_run,
            ),
            redriving.go_on(
                executions, [x for x in found if x.queue == STUCK], selection, rate, dry_run
            ),
        )
    if not flow:
        logs, audit = context.aws.client("logs"), outputs["event_audit"]
        begun[AUDIT_LOG] = redriving.write_down(sqs, logs, audit, selection, dry_run)
    sent = kept = 0
    for name, outcomes in begun.items():
        for number, outcome in enumerate(outcomes):
            if not flow and number == 0:
                terminal.heading(name)
            sent += outcome.goes_on
            kept += not (outcome.goes_on or outcome.meanwhile)
            mark = "[green]✓[/green]" if outcome.goes_on else "[yellow]·[/yellow]"
            beginning = outcome.letter.message_id[: screens.NAME_LENGTH]
            console.print(f"{mark} {beginning} {escape(outcome.text)}")
    console.print(f"{sent} redriven, {kept} left in place")
    terminal.calls(context.aws.calls.summary)
    if not sent and not kept and not selection.everything:
        raise OperationError(
            "No dead letter matches the selection.",
            f"Type 'make dead-letters ENV={environment}' to see them.",
        )
    if kept and not dry_run:
        raise typer.Exit(1)


@app.command()
def discard(
    message: Annotated[str, typer.Option(help="The message's id.")],
    environment: EnvironmentOption = LOCAL,
    flow: FlowOption = "",
    yes: YesOption = False,
) -> None:
    """Delete one message from its queue without redriving it."""
    context = Context.reachable(environment)
    outputs = context.terraform.outputs()
    sqs = context.aws.client("sqs")
    queues = [queue for chosen in Workflow.chosen(outputs, flow) for queue in chosen.queues]
    if not flow:
        queues.append((letters.UNAUDITED, outputs["event_audit"]["queue_url"]))
    found = [(x, queue, url) for queue, url in queues for x in letters.look(sqs, queue, url)]
    meant = letters.one((x for x, _, _ in found), message, environment)
    [(queue, url)] = [(queue, url) for x, queue, url in found if x is meant]
    console.print(screens.dead_letters_table([meant], datetime.now(UTC)))
    agreement(yes)(environment)
    if not letters.remove(sqs, queue, url, lambda x: x.message_id == meant.message_id):
        raise OperationError(
            f"Message {meant.message_id} is not in its queue now: another process is reading it.",
            f"Type 'make dead-letters ENV={environment}' in two minutes.",
        )
    console.print(f"[green]✓[/green] {meant.message_id} is deleted")


@app.command()
def reconcile(
    since: SinceOption = "24h",
    everything: Annotated[
        bool, typer.Option("--all", help="Include the events that arrived.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    environment: EnvironmentOption = LOCAL,
    flow: FlowOption = "",
) -> None:
    """Find lost events among those that the bus accepted; exit code 1 if there are any."""
    begin = moment(since, datetime.now(UTC))
    context = Context.reachable(environment)
    outputs = context.terraform.outputs()
    reports: dict[str, reconciling.Report] = {}
    for chosen in Workflow.chosen(outputs, flow):
        if not flow and not as_json:
            terminal.heading(chosen.name)
        with terminal.working(f"Reconcile {chosen.name}") as current:
            report = reports[chosen.name] = reconciling.Reconciliation(
                context.aws.client,
                chosen,
                outputs["event_audit"],
                inspector(DeployedFlow(chosen.flow, environment, context.aws.client, outputs))
                if chosen.is_main
                else None,
                current.show,
            ).report(begin, time.sleep)
        if not as_json:
            console.print(screens.reconciliation(report, everything))
    if as_json:
        by_flow = {name: report.as_json() for name, report in reports.items()}
        # Not console.print(): a machine reads it.
        print(json.dumps(by_flow[flow] if [*by_flow] == [flow] else by_flow, indent=2))
    terminal.calls(context.aws.calls.summary)
    raise typer.Exit(0 if all(report.is_whole for report in reports.values()) else 1)
