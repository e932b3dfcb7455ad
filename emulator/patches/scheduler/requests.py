"""Requests about schedules: their ARNs, and the trust that a new schedule needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from emulator import policies

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]

SERVICE = "scheduler.amazonaws.com"


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.core import iam_actions
    from ministack.services import scheduler

    iam_actions.extract_resource_arn = with_groups(iam_actions.extract_resource_arn)
    for name in ("_create_schedule", "_update_schedule"):
        change = getattr(scheduler, name)
        setattr(scheduler, name, with_trust(change, scheduler._group_arn, scheduler._error))


def with_groups(resource: Callable[..., str]) -> Callable[..., str]:
    """Return MiniStack's lookup of a call's resource, with the group of a schedule."""

    def arn(
        service: str, method: str, path: str, headers: Any, body: bytes, query: Any, *request: Any
    ) -> str:
        found = resource(service, method, path, headers, body, query, *request)
        if service != "scheduler" or ":schedule/default/" not in found:
            return found
        return found.replace(":schedule/default/", f":schedule/{group_of(body, query)}/")

    return arn


def group_of(body: bytes, query: Mapping[str, Any]) -> str:
    """Return the group of the schedule that a request names."""
    named = query.get("groupName")
    if named:
        return str(named[0] if isinstance(named, list) else named)
    try:
        return str(json.loads(body).get("GroupName", "default"))
    except (ValueError, AttributeError):
        return "default"


def with_trust(
    change: Callable[[str, JsonObject], Answer],
    group_arn: Callable[[str], str],
    error: Callable[[int, str, str], Answer],
) -> Callable[[str, JsonObject], Answer]:
    """Return MiniStack's creation or update of a schedule, which needs a role that trusts it.

    Parameters
    ----------
    change
        MiniStack's function.
    group_arn
        Returns the ARN of a group by its name.
    error
        Makes the answer with an error.
    """

    def change_trusted(name: str, body: JsonObject) -> Answer:
        role = (body.get("Target") or {}).get("RoleArn", "")
        group = group_arn(body.get("GroupName", "default"))
        if role and untrusted(role, group):
            text = (
                "The execution role you provide must allow AWS EventBridge Scheduler to assume "
                "the role."
            )
            return error(400, "ValidationException", text)
        zone = body.get("ScheduleExpressionTimezone", "UTC")
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            return error(400, "ValidationException", f"Invalid ScheduleExpressionTimezone {zone}.")
        return change(name, body)

    return change_trusted


def untrusted(role: str, group: str) -> str:
    """Return why Scheduler may not assume a role for a group of schedules, or an empty text."""
    keys = {"aws:SourceArn": group, "aws:SourceAccount": group.split(":")[4]}
    return policies.trust_refusal(role, SERVICE, keys)
