"""Test a release with a synthetic lead, and remove its rows."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from ops.aws.invoke import invoke
from ops.errors import OperationError
from ops.executions.events import SYNTHETIC, Event
from ops.executions.executions import Execution
from ops.flows import DeployedFlow
from ops.flows.crm_registration.inspection import SYNTHETIC_PREFIX
from ops.recovery import dead_letters
from ops.releases.smoke import SmokeTestFailed, follow_or_stop, publish


def synthetic_lead() -> dict[str, Any]:
    """Return the lead of a person who does not exist."""
    return {
        "name": "Smoke",
        "lastname": "Test",
        # `remove_synthetic` removes the rows of such RUTs only.
        "rut": f"{SYNTHETIC_PREFIX}{secrets.randbelow(10**6):06}-0",
        "phone": 10000000,
        "mail": "smoke-test@example.com",
        "store": "smoke_test",
        "wantsBenefit": False,
    }


def run(deployed: DeployedFlow) -> str:
    """Send a synthetic lead, wait for its rows, and remove them.

    Raises
    ------
    SmokeTestFailed
        When the lead does not become one row in each table.
    OperationError
        When the execution does not start or end in time. It is stopped.
    """
    lead = synthetic_lead()
    event_id = publish(
        deployed,
        Event(1, "kranio.event.crm", "CRM Registration", json.dumps(lead), resources=(SYNTHETIC,)),
    )
    try:
        execution = follow_or_stop(deployed, event_id)
    finally:
        rows = _remove(deployed, lead["rut"])
    look = f"Look into it: make watch ENV={deployed.environment} EXECUTION={execution.name}"
    if execution.status != "SUCCEEDED":
        _remove_letter(deployed, execution)
        raise SmokeTestFailed(
            f"The synthetic lead's execution ended as {execution.status}: {execution.error}.", look
        )
    if set(rows.values()) != {1}:
        raise SmokeTestFailed(
            f"The synthetic lead should be one row in each table, but was {_counts(rows)}.", look
        )
    return f"execution {execution.name}, {_counts(rows)}, removed"


def _remove(deployed: DeployedFlow, rut: str) -> dict[str, int]:
    """Remove the rows, and return their number by table."""
    try:
        rows: dict[str, int] = invoke(
            deployed.client("lambda"), deployed.function("remove_synthetic"), {"rut": rut}
        )
    except OperationError as error:
        raise SmokeTestFailed(
            f"The synthetic lead {rut} was not removed. {error.problem}", error.action
        ) from error
    return rows


def _remove_letter(deployed: DeployedFlow, execution: Execution) -> None:
    """Delete the failed lead from its queue, so that no operator redrives it."""
    dead_letters.remove(
        deployed.client("sqs"),
        dead_letters.FAILED,
        deployed.workflow.failed_queue_url,
        lambda letter: letter.execution == execution.arn,
    )


def _counts(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count} in {table}" for table, count in rows.items())
