"""Commands for events that failed or got lost: list, redrive, discard, reconcile."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

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
from ops.recovery.audit import Discarded, write_discarded
from ops.recovery.records import Records
from ops.recovery.stuck import STUCK
from ops.settings import LOCAL

app = typer.Typer()
#: Listed after the flows: events that the bus could not write to its audit log.
AUDIT_LOG = "audit log"
#: Listed after the flows: events of AWS services that could not be forwarded to the bus.
AWS_EVENTS = "events of AWS"


def _forwarding(outputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return kind and URL of the queue of events that could not be forwarded, if there is one."""
    found = outputs.get("aws_events")
    return [(letters.UNDELIVERED, found["undelivered_queue_url"])] if found else []


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
        for queue, url in _forwarding(outputs):
            found[AWS_EVENTS] = letters.look(context.aws.client("sqs"), queue, url)
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
            *(
                redriving.redrive(
                    sqs,
                    Publisher(context.aws.client("events"), bus),
                    [(queue, url) for queue, url, of in chosen.event_queues if of == bus],
                    executions.event,
                    selection,
                    rate,
                    dry_run,
                )
                for bus in dict.fromkeys(bus for _, _, bus in chosen.event_queues)
            ),
            redriving.send_back(sqs, _senders(context, chosen), selection, rate, dry_run),
            Records(
                sqs, context.aws.client("dynamodbstreams"), context.aws.client("lambda")
            ).redrive(chosen.unread_queue_urls, selection, rate, dry_run),
            redriving.go_on(
                executions, [x for x in found if x.queue == STUCK], selection, rate, dry_run
            ),
        )
    if not flow:
        logs, audit = context.aws.client("logs"), outputs["event_audit"]
        begun[AUDIT_LOG] = redriving.write_down(sqs, logs, audit, selection, dry_run)
        begun[AWS_EVENTS] = redriving.redrive(
            sqs,
            Publisher(context.aws.client("events"), outputs["event_bus_name"]),
            _forwarding(outputs),
            lambda _: None,
            selection,
            rate,
            dry_run,
        )
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


def _senders(
    context: Context, flow: Workflow
) -> Iterator[tuple[str, str, Callable[[str], object]]]:
    """Yield kind and URL of each dead-letter queue of messages, and what resends one."""
    sqs, sns = context.aws.client("sqs"), context.aws.client("sns")

    def to_queue(url: str, body: str) -> None:
        sqs.send_message(QueueUrl=url, MessageBody=body)

    def to_topic(arn: str, body: str) -> None:
        sns.publish(TopicArn=arn, Message=body)

    for one in flow.consumers:
        yield letters.UNPROCESSED, one.dead_letter_queue_url, partial(to_queue, one.queue_url)
    for url, arn in flow.topic_queues:
        yield letters.UNRECEIVED, url, partial(to_topic, arn)


@app.command()
def discard(
    message: Annotated[str, typer.Option(help="The message's id.")],
    reason: Annotated[str, typer.Option(help="Why it is deleted; the audit log keeps it.")],
    environment: EnvironmentOption = LOCAL,
    flow: FlowOption = "",
    yes: YesOption = False,
) -> None:
    """Delete one message from its queue without redriving it, and record who decided it and why."""
    if not reason.strip():
        raise OperationError("The reason is empty.", "Say why: REASON='settled by hand'.")
    context = Context.reachable(environment)
    outputs = context.terraform.outputs()
    sqs = context.aws.client("sqs")
    queues = [queue for chosen in Workflow.chosen(outputs, flow) for queue in chosen.queues]
    if not flow:
        queues.append((letters.UNAUDITED, outputs["event_audit"]["queue_url"]))
        queues.extend(_forwarding(outputs))
    found = [(x, queue, url) for queue, url in queues for x in letters.look(sqs, queue, url)]
    meant = letters.one((x for x, _, _ in found), message, environment)
    [(queue, url)] = [(queue, url) for x, queue, url in found if x is meant]
    console.print(screens.dead_letters_table([meant], datetime.now(UTC)))
    agreement(yes)(environment)
    decision = Discarded(
        id=(meant.event or {}).get("id") or meant.message_id,
        at=datetime.now(UTC),
        by=context.aws.client("sts").get_caller_identity()["Arn"],
        reason=reason.strip(),
    )
    # First, so that no message goes without a record. While it waits, the record has no effect.
    log_group = outputs["event_audit"]["log_group"]
    if not write_discarded(context.aws.client("logs"), log_group, decision):
        raise OperationError(
            f"The audit log {log_group} did not take the record; nothing was deleted.",
            "Compare this computer's clock with the time.",
        )
    if not letters.remove(sqs, queue, url, lambda x: x.message_id == meant.message_id):
        raise OperationError(
            f"Message {meant.message_id} is not in its queue now: another process is reading it.",
            f"Type 'make dead-letters ENV={environment}' in two minutes.",
        )
    console.print(f"[green]✓[/green] {meant.message_id} is deleted; {log_group} says why")


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
    workflows = Workflow.chosen(outputs, flow)
    if flow and not any(each.has_events for each in workflows):
        raise OperationError(
            f"{flow} has no events to reconcile: its callers wait for the answers.",
            f"Type 'make report' to see its executions, or 'make dead-letters FLOW={flow}' to see "
            "the requests that failed.",
        )
    for chosen in workflows:
        if not flow and not as_json:
            terminal.heading(chosen.name)
        if not chosen.has_events:
            if not as_json:
                console.print("No events: its callers wait for the answers.")
            continue
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
    if not as_json and not flow:
        for line in screens.of_no_flow([*reports.values()], outputs["flows"]):
            console.print(line, soft_wrap=True)
    if as_json:
        by_flow = {name: report.as_json() for name, report in reports.items()}
        # Not console.print(): a machine reads it.
        print(json.dumps(by_flow[flow] if [*by_flow] == [flow] else by_flow, indent=2))
    terminal.calls(context.aws.calls.summary)
    raise typer.Exit(0 if all(report.is_whole for report in reports.values()) else 1)
