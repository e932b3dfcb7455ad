"""Reconciliation counts the posts that executions report."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from ops.executions.executions import Execution
from ops.flows.article_publishing import posts
from ops.recovery.audit import Accepted
from ops.recovery.reconcile import Fate, Found, judge

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def execution(event: str, **targets: str) -> Execution:
    found = [{"target": t, "outcome": o} for t, o in targets.items()]
    answer = json.dumps({"document": "d", "revision": "r", "targets": found})
    given = json.dumps({"id": event})
    return Execution(f"arn:{event}", f"{event}_1", "SUCCEEDED", NOW, NOW, given, output=answer)


def test_a_revision_that_was_posted_twice_is_reported() -> None:
    first = execution("a", medium="published", devto="published")
    again = execution("b", medium="not asked", devto="published")
    events = [Accepted(name, NOW, "source", "type") for name in ("a", "b")]

    report = judge(Found(events, {"a": [first], "b": [again]}, {}, posts([first, again])), NOW)

    assert report.duplicated == [("posts", ("d", "r", "devto"), 2)]
    assert report.counts[Fate.ARRIVED] == 2
