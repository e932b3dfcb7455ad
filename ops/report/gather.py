"""Read the report's data from an environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    aws: Aws,
    outputs: Mapping[str, Any],
    since: datetime,
    most: int,
    now: datetime,
    progress: Callable[[str], None] = lambda _: None,
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
    progress
        Is called with what is being done.
    """
    return [_flow(aws, flow, since, most, now, progress) for flow in Workflow.chosen(outputs, "")]


def _flow(
    aws: Aws,
    flow: Workflow,
    since: datetime,
    most: int,
    now: datetime,
    progress: Callable[[str], None],
) -> FlowReport:
    progress(f"{flow.name}: list the executions")
    executions = flow.executions(aws.client)
    wanted = (e for e in executions.since(since) if e.started >= since)
    # One more than shown, to learn whether there are more.
    found = list(islice(wanted, most + 1))

    def visit(execution: Execution) -> Visit:
        return Visit(execution, executions.history(execution.arn))

    with ThreadPoolExecutor(WORKERS) as pool:
        visits = []
        for made in pool.map(visit, found[:most]):
            visits.append(made)
            progress(f"{flow.name}: history {len(visits):,} of {min(len(found), most):,}")
    graph = Graph.of(executions.definition())
    letters = waiting.of_flow(aws, flow, now, lambda text: progress(f"{flow.name}: {text}"))
    return FlowReport(flow.name, graph, visits, letters, is_cut=len(found) > most)
