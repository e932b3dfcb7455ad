"""Assess imported resources against a resiliency policy, by a rule of our own.

AWS publishes no rule. This one reads the settings of each resource that decide whether its data and
its work survive a disruption, and has a time for each:

- A table recovers from software faults with point-in-time recovery (2 h, 5 min), and from the loss
  of its region with a replica (0, 1 min).
- A bucket recovers with versions (1 h, 0), and with replication (1 h, 15 min).
- A database recovers with backups (2 h, 5 min); with Multi-AZ (2 min, 0) also without losing data
  when its hardware or zone fails; never from the loss of its region.
- Functions, workflows and APIs are released again (30 min, 0), or applied elsewhere (4 h, 0).
- Queues and topics are too, but the messages of a lost region are lost.

The first time is until it works again (RTO), the second that whose data are lost (RPO). Services
that keep data in several zones do not notice a fault of hardware or of a zone. Without its
setting, a resource cannot be recovered. The worst resource decides for the application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DISRUPTIONS = ("Software", "Hardware", "AZ", "Region")
MINUTE, HOUR = 60, 3600
#: The time of a resource that cannot be recovered: longer than any objective, thirty days.
NEVER = 30 * 24 * HOUR + 1
MET, BREACHED = "PolicyMet", "PolicyBreached"


@dataclass(frozen=True)
class Resource:
    """One imported resource.

    Parameters
    ----------
    kind
        ``table``, ``bucket``, ``database``, ``stateless`` or ``messages``.
    name
        Its name.
    settings
        The settings that the rule reads.
    """

    kind: str
    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Recovery:
    """How soon something works again, and how much is lost, in seconds.

    Parameters
    ----------
    rto, rpo
        The estimated times.
    advice
        The setting that would make them shorter; empty when nothing would.
    """

    rto: int
    rpo: int
    advice: str = ""


AT_ONCE = Recovery(0, 0)
Rule = Callable[[Mapping[str, Any]], dict[str, Recovery]]


def lost(advice: str) -> Recovery:
    """Return what cannot be recovered."""
    return Recovery(NEVER, NEVER, advice)


def table(settings: Mapping[str, Any]) -> dict[str, Recovery]:
    """Return the recovery of a table."""
    has_history = settings.get("point_in_time_recovery")
    return {
        "Software": Recovery(2 * HOUR, 5 * MINUTE)
        if has_history
        else lost("Enable point-in-time recovery."),
        "Hardware": AT_ONCE,
        "AZ": AT_ONCE,
        "Region": Recovery(0, MINUTE)
        if settings.get("replicas")
        else lost("Add a replica in another region."),
    }


def bucket(settings: Mapping[str, Any]) -> dict[str, Recovery]:
    """Return the recovery of a bucket."""
    return {
        "Software": Recovery(HOUR, 0)
        if settings.get("versions")
        else lost("Enable versions of objects."),
        "Hardware": AT_ONCE,
        "AZ": AT_ONCE,
        "Region": Recovery(HOUR, 15 * MINUTE)
        if settings.get("replication")
        else lost("Replicate it to another region."),
    }


def database(settings: Mapping[str, Any]) -> dict[str, Recovery]:
    """Return the recovery of a database instance."""
    backup = (
        Recovery(2 * HOUR, 5 * MINUTE)
        if settings.get("backup_days")
        else lost("Keep automated backups.")
    )
    standby = Recovery(2 * MINUTE, 0)
    if not settings.get("multi_az"):
        standby = Recovery(backup.rto, backup.rpo, "Enable Multi-AZ.")
    return {
        "Software": backup,
        "Hardware": standby,
        "AZ": standby,
        "Region": lost("Copy its backups to another region."),
    }


def stateless(_: Mapping[str, Any]) -> dict[str, Recovery]:
    """Return the recovery of what holds no data."""
    return {
        "Software": Recovery(30 * MINUTE, 0),
        "Hardware": AT_ONCE,
        "AZ": AT_ONCE,
        "Region": Recovery(4 * HOUR, 0, "Apply it in another region before it is needed."),
    }


def messages(settings: Mapping[str, Any]) -> dict[str, Recovery]:
    """Return the recovery of a queue or a topic."""
    return {**stateless(settings), "Region": lost("Send messages to two regions.")}


RULES: Mapping[str, Rule] = {
    "bucket": bucket,
    "database": database,
    "messages": messages,
    "stateless": stateless,
    "table": table,
}


def compliance(resource: Resource, policy: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return how one resource meets each objective of a policy, as the API describes it."""
    recoveries = RULES[resource.kind](resource.settings)
    found = {}
    for disruption, objective in policy.items():
        recovery = recoveries[disruption]
        is_met = recovery.rto <= objective["rtoInSecs"] and recovery.rpo <= objective["rpoInSecs"]
        found[disruption] = {
            "complianceStatus": MET if is_met else BREACHED,
            "currentRtoInSecs": recovery.rto,
            "currentRpoInSecs": recovery.rpo,
            "rtoDescription": described(recovery.rto),
            "rpoDescription": described(recovery.rpo),
            "message": "" if is_met else f"{resource.name}: {recovery.advice or 'too slow.'}",
        }
    return found


def overall(components: Iterable[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return how an application meets each objective: as its worst resource does."""
    worst: dict[str, dict[str, Any]] = {}
    for component in components:
        for disruption, one in component.items():
            before = worst.get(disruption)
            if before is None:
                worst[disruption] = dict(one)
                continue
            for number, text in (
                ("currentRtoInSecs", "rtoDescription"),
                ("currentRpoInSecs", "rpoDescription"),
            ):
                if one[number] > before[number]:
                    before |= {number: one[number], text: one[text]}
            if one["complianceStatus"] == BREACHED:
                before["complianceStatus"] = BREACHED
                texts = [before["message"], one["message"]]
                before["message"] = " ".join(text for text in texts if text)[:500]
    return worst


def verdict(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the status of an application."""
    if not found:
        return "NotApplicable"
    statuses = {one["complianceStatus"] for one in found.values()}
    return BREACHED if BREACHED in statuses else MET


def described(seconds: int) -> str:
    """Return a duration in words."""
    if seconds >= NEVER:
        return "Unrecoverable"
    for size, unit in ((HOUR, "h"), (MINUTE, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
