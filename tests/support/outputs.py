"""Outputs of the root module, as commands read them, for tests that deploy nothing."""

from __future__ import annotations

from typing import Any

from ops.flow import EVENT_RULE, MAIN


def workflow(
    arn: str = "arn:machine",
    failed: str = "failed",
    undelivered: str = "undelivered",
    rule: str = "rule",
) -> dict[str, Any]:
    """Return the entry of a workflow that a rule on the bus starts."""
    trigger = {
        "kind": EVENT_RULE,
        "name": rule,
        "event_bus_name": "bus",
        "undelivered_queue_url": undelivered,
    }
    return {"state_machine_arn": arn, "failed_queue_url": failed, "triggers": {"event": trigger}}


def flow(*workflows: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Return the output of a flow; its workflows after the first are named by their number."""
    keys = [MAIN, *(f"number_{number}" for number in range(2, len(workflows) + 1))]
    return {
        "workflows": dict(zip(keys, workflows, strict=False)),
        "functions": {},
        "apis": {},
        **parts,
    }
