"""Read the report's data from an environment."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import Any

from ops.aws.clients import Aws
from ops.executions.executions import Execution
from ops.flow import Workflow
from ops.recovery import waiting
from ops.report.graph import Graph
from ops.report.model import FlowReport, Visit

#: Concurrent calls: each execution needs at least one for its history.
WORKERS = 8


def gather(
    aws: Aws, outputs: Mapping[str, Any], since: datetime, most: int, now: datetime
) -> list[FlowReport]:
    """Return the report of each flow.

    Parameters
    ----------
    aws
        The environment's clients.
    outputs
        The root module's outputs.
    since
        Executions that started earlier are left out.
    most
        Maximum number of executions for each flow; the newest are shown.
    now
        The current time.
    """
    return [_flow(aws, flow, since, most, now) for flow in Workflow.chosen(outputs, "")]


def _flow(aws: Aws, flow: Workflow, since: datetime, most: int, now: datetime) -> FlowReport:
    executions = flow.executions(aws.client)
    wanted = (e for e in executions.since(since) if e.started >= since)
    # One more than shown, to learn whether there are more.
    found = list(islice(wanted, most + 1))

    def visit(execution: Execution) -> Visit:
        return Visit(execution, executions.history(execution.arn))

    with ThreadPoolExecutor(WORKERS) as pool:
        visits = list(pool.map(visit, found[:most]))
    graph = Graph.of(executions.definition())
    letters = waiting.of_flow(aws, flow, now)
    return FlowReport(flow.name, graph, visits, letters, is_cut=len(found) > most)
