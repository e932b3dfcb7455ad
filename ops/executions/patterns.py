"""The event patterns of rules: which events start a workflow."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from ops.errors import OperationError
from ops.flow import Trigger

Pattern = Mapping[str, Any]


def of_rule(client: Any, rule: Trigger) -> Pattern:
    """Return the pattern of a rule on a bus; `client` is a boto3 ``events`` client."""
    found = client.describe_rule(Name=rule.name, EventBusName=rule.event_bus_name)
    pattern: Pattern = json.loads(found["EventPattern"])
    return pattern


def matches(
    pattern: Pattern, source: str, detail_type: str, resources: Collection[str] = ()
) -> bool:
    """Return whether a rule takes the events of a source and detail-type, with some resources.

    Raises
    ------
    OperationError
        When the pattern asks for more than these, which the bus's audit log does not hold.
    """
    known = {"source": [source], "detail-type": [detail_type], "resources": resources}
    if extra := pattern.keys() - known.keys():
        raise OperationError(
            f"The flow's rule asks for {', '.join(sorted(extra))}, which the log does not hold.",
            "Add it to the input of the rule in terraform/modules/event_bus.",
        )
    return all(
        any(
            value.startswith(wanted["prefix"]) if isinstance(wanted, dict) else value == wanted
            for wanted in pattern[name]
            for value in values
        )
        for name, values in known.items()
        if name in pattern
    )
