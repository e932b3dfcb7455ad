"""The smoke test: a marked, synthetic lead goes the whole way, and is taken out again."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from ops.aws.clients import Aws
from ops.aws.invoke import invoke
from ops.errors import OperationError
from ops.executions.events import SYNTHETIC, Event, Publisher
from ops.executions.executions import Execution, Executions
from ops.executions.follow import follow
from ops.flow import Flow
from ops.recovery import dead_letters

FLOW = "crm_registration"
#: What `remove_synthetic` lets itself be asked to remove: nobody's RUT begins like this.
SYNTHETIC_PREFIX = "000"


class SmokeTestFailed(OperationError):  # noqa: N818
    """The release does not do its work; nothing of the test was left behind."""


def synthetic_lead() -> dict[str, Any]:
    """Return a lead that is nobody's."""
    return {
        "name": "Smoke",
        "lastname": "Test",
        "rut": f"{SYNTHETIC_PREFIX}{secrets.randbelow(10**6):06}-0",
        "phone": 10000000,
        "mail": "smoke-test@example.com",
        "store": "smoke_test",
        "wantsBenefit": False,
    }


def smoke_test(aws: Aws, outputs: Mapping[str, Any]) -> str:
    """Send a synthetic lead, wait for its rows, remove them; return what was seen.

    Raises
    ------
    SmokeTestFailed
        When the lead does not arrive as one row in each table.
    OperationError
        When it started nothing in time, or did not end in time; it was stopped then.
    """
    flow = Flow.from_outputs(outputs, FLOW)
    lead = synthetic_lead()
    event = Event(
        1, "kranio.event.crm", "CRM Registration", json.dumps(lead), resources=(SYNTHETIC,)
    )
    [outcome] = Publisher(aws.client("events"), flow.event_bus_name).publish([event])
    if outcome.event_id is None:
        raise SmokeTestFailed(f"The bus refused the event: {outcome.reason}.", "Try again.")
    executions = flow.executions(aws.client)
    try:
        execution, _ = follow(executions, outcome.event_id)
    except BaseException:
        # What still runs would write rows after they were removed.
        _stop(executions, outcome.event_id)
        raise
    finally:
        rows = _remove(aws, outputs, lead["rut"])
    look = f"Look into it: make watch ENV={aws.environment} EXECUTION={execution.name}"
    if execution.status != "SUCCEEDED":
        _forget(aws, flow, execution)
        raise SmokeTestFailed(
            f"The synthetic lead's execution ended as {execution.status}: {execution.error}.", look
        )
    if set(rows.values()) != {1}:
        raise SmokeTestFailed(
            f"The synthetic lead was to be one row in each table, and was {_counts(rows)}.", look
        )
    return f"execution {execution.name}, {_counts(rows)}, removed"


def _stop(executions: Executions, event_id: str) -> None:
    """End what the synthetic lead started, if it still runs."""
    started: dict[str, Execution] = {}
    executions.started_by([event_id], started)
    for execution in started.values():
        if not execution.is_over:
            executions.stop(execution.arn, "The smoke test waits no longer.")


def _remove(aws: Aws, outputs: Mapping[str, Any], rut: str) -> dict[str, int]:
    """Have the rows removed, by the function that may; return how many there were by table."""
    function = outputs["functions"][FLOW]["remove_synthetic"]["name"]
    try:
        rows: dict[str, int] = invoke(aws.client("lambda"), function, {"rut": rut})
    except OperationError as error:
        raise SmokeTestFailed(
            f"The synthetic lead {rut} was not removed. {error.problem}", error.action
        ) from error
    return rows


def _forget(aws: Aws, flow: Flow, execution: Execution) -> None:
    """Take the failed lead out of its queue: nobody is to send it again."""
    dead_letters.remove(
        aws.client("sqs"),
        dead_letters.FAILED,
        flow.failed_queue_url,
        lambda letter: letter.execution == execution.arn,
    )


def _counts(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count} in {table}" for table, count in rows.items())
