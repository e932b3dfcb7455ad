"""Steps that the demos of flows share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from ops.cli.screens import escape, indented_json
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.executions.events import Malformed, Publisher
from ops.executions.executions import Execution, Executions
from ops.executions.follow import follow
from ops.executions.send import read_file
from ops.flows import DeployedFlow, hooks_of
from ops.recovery import dead_letters
from ops.settings import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
QUEUE_SECONDS = 15
START_SECONDS = 30
NEWEST = 20


def demo_of(name: str) -> Callable[[DeployedFlow], None] | None:
    """Return the demo of a flow: its hook, or one that sends its example, if there is any."""
    has_example = (EXAMPLES / name / "event.json").exists()
    return hooks_of(name).demo or (show_example if has_example else None)


def show_example(deployed: DeployedFlow) -> None:
    """Send the example of a flow that has no demo of its own, and show its execution."""
    example = EXAMPLES / deployed.name / "event.json"
    heading(f"{deployed.name} takes its example")
    show_success(deployed, example)
    definition = deployed.workflow.executions(deployed.client).definition()
    show_next_steps(example, definition["StartAt"])


def flow_with_demo(name: str, active: Iterable[str]) -> str:
    """Return the flow to show: the named one, or the environment's first one that has a demo.

    Raises
    ------
    OperationError
        When there is none.
    """
    if name and name not in active:
        raise OperationError(
            f"The local environment has no flow '{name}'.",
            f"Choose one of {', '.join(active)}, or add it to terraform/envs/local.tfvars.",
        )
    found = [flow for flow in ([name] if name else active) if demo_of(flow)]
    if not found:
        raise OperationError(
            f"{name or 'The local environment'} has no demo.",
            f"Put an event into examples/{name or '<flow>'}/event.json.",
        )
    return found[0]


def show_success(
    deployed: DeployedFlow, file: Path, hidden: Collection[str] = ()
) -> tuple[Execution, dict[str, Any]]:
    """Send the event of a file, and show its execution, which must succeed.

    Parameters
    ----------
    deployed
        The flow.
    file
        The event.
    hidden
        States that are not printed, such as those of a Map.

    Returns
    -------
    tuple
        The ended execution, and the event.
    """
    execution, event = _run(deployed, file, hidden)
    if execution.status != "SUCCEEDED":
        raise OperationError(
            f"Execution {execution.name} ended as {execution.status}: {execution.error}.",
            look_into(execution),
        )
    return execution, event


def show_caused(
    deployed: DeployedFlow,
    begun: datetime,
    is_wanted: Callable[[Mapping[str, Any]], bool],
    *,
    fails: bool = False,
) -> Execution:
    """Show the execution that an event of an AWS service starts.

    Parameters
    ----------
    deployed
        The flow.
    begun
        When that began which the event reports.
    is_wanted
        Whether an event is that one.
    fails
        Whether the execution must fail. Otherwise it must succeed.
    """
    executions = deployed.workflow.executions(deployed.client)
    deadline = time.monotonic() + START_SECONDS
    while not (found := _caused(executions, begun, is_wanted)):
        if time.monotonic() > deadline:
            raise OperationError(
                f"No event started an execution within {START_SECONDS} s.",
                "Look into .local/logs/emulator.log.",
            )
        time.sleep(0.3)
    execution, _ = follow(executions, found)
    wanted, color = ("FAILED", "yellow") if fails else ("SUCCEEDED", "green")
    if execution.status != wanted:
        raise OperationError(
            f"Execution {execution.name} ended as {execution.status}: {execution.error}.",
            look_into(execution),
        )
    console.print(f"  [{color}]{execution.status}[/{color}]", execution.error or "")
    return execution


def _caused(
    executions: Executions, begun: datetime, is_wanted: Callable[[Mapping[str, Any]], bool]
) -> str:
    """Return the id of the event that started an execution; empty when there is none yet."""
    for execution in executions.newest(NEWEST):
        if execution.started >= begun:
            described = executions.describe(execution.arn)
            if described.event and is_wanted(described.event):
                return execution.named_event
    return ""


def show_failure(deployed: DeployedFlow, file: Path, queue: str) -> None:
    """Send the event of a file, whose execution must fail, and show its message in the queue."""
    execution, _ = _run(deployed, file)
    if execution.status != "FAILED":
        raise OperationError(
            f"Execution {execution.name} ended as {execution.status}, not as FAILED.",
            look_into(execution),
        )
    heading(f"Its message in the {queue} queue, from which it can be redriven")
    console.print(escape(indented_json(queued(deployed, execution))), soft_wrap=True)


def show_next_steps(file: Path, state: str) -> None:
    """Print what a newcomer can do next.

    Parameters
    ----------
    file
        More events of the flow.
    state
        A state of the flow.
    """
    heading("The local environment is up. Go on with")
    commands = Table(box=None, show_header=False, pad_edge=False)
    for command, purpose in (
        (
            f"make send FILE={file.relative_to(REPOSITORY)}",
            f"send more {file.stem.removesuffix('s')}s",
        ),
        ("make watch", "see the executions, live"),
        (f"make watch EXECUTION=<name> STATE={state}", "see one state's input and output"),
        ("make dead-letters", "see what failed, and why"),
        ("make plan", "see that Terraform has nothing left to do"),
        ("make down", "stop everything"),
    ):
        commands.add_row(f"  [bold]{command}[/bold]", f"[dim]{purpose}[/dim]")
    console.print(commands)


def endpoint(deployed: DeployedFlow) -> str:
    """Return the emulator's URL."""
    url: str = deployed.client("sts").meta.endpoint_url
    return url


def look_into(execution: Execution) -> str:
    """Return how to examine an execution."""
    return f"Look into it: make watch EXECUTION={execution.name}"


def _run(
    deployed: DeployedFlow, file: Path, hidden: Collection[str] = ()
) -> tuple[Execution, dict[str, Any]]:
    workflow = deployed.workflow
    [item] = read_file(str(file))
    if isinstance(item, Malformed):
        raise OperationError(f"{file} {item.reason}.", "Correct it.")
    [outcome] = Publisher(deployed.client("events"), workflow.event_bus_name).publish([item])
    if outcome.event_id is None:
        raise OperationError(f"The bus refused the event: {outcome.reason}.", "Try again.")
    console.print(
        f"[green]✓[/green] {file.relative_to(REPOSITORY)} is on the bus "
        f"{workflow.event_bus_name} as event {outcome.event_id}"
    )
    execution, _ = follow(workflow.executions(deployed.client), outcome.event_id, hidden)
    color = "green" if execution.status == "SUCCEEDED" else "yellow"
    console.print(f"  [{color}]{execution.status}[/{color}]", execution.error or "")
    event: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return execution, event


def queued(deployed: DeployedFlow, execution: Execution) -> str:
    """Return the message that an execution left in the failed queue.

    Raises
    ------
    OperationError
        When it is not there in time.
    """
    sqs, url = deployed.client("sqs"), deployed.workflow.failed_queue_url
    deadline = time.monotonic() + QUEUE_SECONDS
    while time.monotonic() < deadline:
        for letter in dead_letters.look(sqs, dead_letters.FAILED, url):
            if letter.execution == execution.arn:
                return str(letter.raw["Body"])
        time.sleep(0.5)
    raise OperationError(
        f"The event of execution {execution.name} is not in {url}.", look_into(execution)
    )
