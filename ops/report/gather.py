"""Read from an environment what the report tells."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from ops import dead_letters
from ops.aws import Aws
from ops.executions import Execution, Executions
from ops.flow import Flow
from ops.report.graph import Graph
from ops.report.model import FlowReport, Visit

#: Calls at a time: each execution's history is a call or more.
WORKERS = 8


def gather(aws: Aws, outputs: Mapping[str, Any], since: datetime, most: int) -> list[FlowReport]:
    """Return the report of each flow.

    Parameters
    ----------
    aws
        The environment's clients.
    outputs
        The root module's outputs.
    since
        Executions that began before are left out.
    most
        The most executions of a flow; the newest are shown.
    """
    return [
        _flow(aws, Flow.from_outputs(outputs, name), since, most)
        for name in sorted(outputs["state_machine_arns"])
    ]


def _flow(aws: Aws, flow: Flow, since: datetime, most: int) -> FlowReport:
    executions = Executions(aws.client("stepfunctions"), flow.state_machine_arn)
    found = [e for e in executions.newest(most) if e.started >= since]

    def visit(execution: Execution) -> Visit:
        return Visit(execution, executions.history(execution.arn))

    with ThreadPoolExecutor(WORKERS) as pool:
        visits = list(pool.map(visit, found))
    sqs = aws.client("sqs")
    letters = [x for queue, url in flow.queues for x in dead_letters.look(sqs, queue, url)]
    return FlowReport(flow.name, Graph.of(executions.definition()), visits, letters)
