"""Summarize a plan for the question before a change: a full plan can have thousands of lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ops.releases.artifacts import Release

#: The most addresses or packages in one line.
NAMED = 8
#: Terraform's actions, in the words of its own summary.
COUNTED = (("create", "add"), ("update", "change"), ("delete", "destroy"))


def counts(plan: Mapping[str, Any]) -> Counter[str]:
    """Return how many resources a plan creates, updates and deletes.

    A replacement counts as one of each, like in Terraform's own summary.
    """
    return Counter(action for change in _changes(plan) for action in change["change"]["actions"])


def summary(plan: Mapping[str, Any]) -> list[str]:
    """Return a plan in a few lines.

    Parameters
    ----------
    plan
        The output of ``terraform show -json``.
    """
    found = counts(plan)
    lines = [", ".join(f"{found[action]} to {word}" for action, word in COUNTED)]
    if not any(found[action] for action, _ in COUNTED):
        lines = ["No resource changes"]
    kinds = Counter(
        change["type"] for change in _changes(plan) if change["change"]["actions"] != ["read"]
    )
    if kinds:
        lines.append(
            f"Kinds: {_listed([f'{count} {kind}' for kind, count in kinds.most_common()])}"
        )
    for title, actions in (
        ("Destroyed", [["delete"]]),
        ("Replaced", [["delete", "create"], ["create", "delete"]]),
    ):
        named = [c["address"] for c in _changes(plan) if c["change"]["actions"] in actions]
        if named:
            lines.append(f"{title}: {_listed(named)}")
    return lines


def warnings(plan: Mapping[str, Any]) -> list[str]:
    """Return the messages of the plan's checks that failed."""
    return [
        problem["message"]
        for check in plan.get("checks", [])
        if check["status"] == "fail"
        for instance in check.get("instances", [])
        for problem in instance.get("problems", [])
    ]


def packages(before: Release | None, after: Release) -> str:
    """Return which packages differ between two releases."""
    old = before.packages if before else {}
    marks = [
        *(f"+{name}" for name in sorted(after.packages.keys() - old.keys())),
        *(
            name
            for name in sorted(after.packages.keys() & old.keys())
            if after.packages[name].sha256 != old[name].sha256
        ),
        *(f"-{name}" for name in sorted(old.keys() - after.packages.keys())),
    ]
    total = len(after.packages)
    return f"Packages: {len(marks)} of {total} change{f': {_listed(marks)}' if marks else ''}"


def protected(plan: Mapping[str, Any]) -> list[str]:
    """Return the addresses of resources that a plan deletes and whose protection forbids it."""
    found = []
    for change in _changes(plan):
        before = change["change"].get("before") or {}
        values = [before.get("deletion_protection"), before.get("deletion_protection_enabled")]
        if "delete" in change["change"]["actions"] and ({True, "ACTIVE"} & set(values)):
            found.append(change["address"])
    return found


def _changes(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        change
        for change in plan.get("resource_changes", [])
        if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
    ]


def _listed(names: list[str]) -> str:
    shown = names[:NAMED]
    if len(names) > NAMED:
        shown.append(f"{len(names) - NAMED} more")
    return ", ".join(shown)
