"""The hooks of the article publishing: revisions of articles become posts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ops.executions.executions import Execution
from ops.flows import DeployedFlow, FlowHooks
from ops.recovery.places import Contents, Key, Look


def posts(executions: Iterable[Execution]) -> Contents:
    """Return how often each revision was posted to each target, as executions report it."""
    made: Counter[Key] = Counter()
    for answer in (execution.answer for execution in executions):
        for target in (answer or {}).get("targets", []):
            if answer and target["outcome"] == "published":
                made[answer["document"], answer["revision"], target["target"]] += 1
    return Contents({}, {"posts": made})


def inspect(_: DeployedFlow) -> Look:
    """Return a function that counts the posts of executions."""
    return posts


HOOKS = FlowHooks(inspect=inspect)
