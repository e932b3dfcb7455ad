"""The smoke test of an environment: synthetic events run through its flows, and are removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.aws.clients import Aws
from ops.cli.terminal import heading
from ops.errors import OperationError
from ops.executions.events import Event, Publisher
from ops.executions.executions import Execution
from ops.executions.follow import follow
from ops.flows import DeployedFlow, deployed_flows, hooks_of


class SmokeTestFailed(OperationError):  # noqa: N818
    """The release does not work. The test removed its data."""


def smoke_test(aws: Aws, outputs: Mapping[str, Any]) -> str:
    """Test each active flow that has a smoke test; return a summary.

    Raises
    ------
    OperationError
        Of the first flow that does not work, or whose test was cut off.
    """
    summaries = []
    for deployed in deployed_flows(aws, outputs):
        if smoke := hooks_of(deployed.name).smoke:
            heading(deployed.name)
            summaries.append(f"{deployed.name}: {smoke(deployed)}")
    return "; ".join(summaries) or "no active flow has a smoke test"


def publish(deployed: DeployedFlow, event: Event) -> str:
    """Put an event onto the bus; return its id.

    Raises
    ------
    SmokeTestFailed
        When the bus refuses it.
    """
    publisher = Publisher(deployed.client("events"), deployed.workflow.event_bus_name)
    [outcome] = publisher.publish([event])
    if outcome.event_id is None:
        raise SmokeTestFailed(f"The bus refused the event: {outcome.reason}.", "Try again.")
    return outcome.event_id


def follow_or_stop(deployed: DeployedFlow, event_id: str) -> Execution:
    """Return the execution that an event started, when it has ended.

    Raises
    ------
    OperationError
        When it does not start or end in time. A running execution is stopped, also after Ctrl-C,
        because it would write again what the test removes.
    """
    executions = deployed.workflow.executions(deployed.client)
    try:
        execution, _ = follow(executions, event_id)
    except BaseException:
        started: dict[str, Execution] = {}
        executions.started_by([event_id], started)
        for execution in started.values():
            if not execution.is_over:
                executions.stop(execution.arn, "The smoke test does not wait any longer.")
        raise
    return execution
