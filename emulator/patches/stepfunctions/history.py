"""Histories with the states in branches, and with the event before each event.

MiniStack records the states of the state machine itself, but not those of a Parallel's branches or
a Map's items. It leaves out ``previousEventId``, which assigns an event to its branch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from emulator.patches.stepfunctions import scopes
from emulator.patches.stepfunctions.interpreter import step

#: The execution and the id of its last event, in the thread of a branch. Threads start with the
#: value of their Parallel.
_last: ContextVar[tuple[str, int]] = ContextVar("last", default=("", 0))
_writing = threading.Lock()


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import stepfunctions

    stepfunctions._add_event = chained(stepfunctions._add_event)
    stepfunctions._run_sub_machine = recorded(stepfunctions)


def chained(add: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's writing of an event, with the id of the event before it."""

    def add_event(execution: Any, kind: str, details: Any = None) -> Any:
        arn, previous = _last.get()
        # Branches write at the same time, and the id is the event's place.
        with _writing:
            # Nothing of a branch that was stopped happens any more.
            scopes.current().check()
            event = add(execution, kind, details)
            event["previousEventId"] = previous if arn == execution["executionArn"] else 0
        _last.set((execution["executionArn"], event["id"]))
        return event

    return add_event


def recorded(machines: Any) -> Callable[..., Any]:
    """Return an interpreter of a branch that records its states like those outside of it."""

    def run(states: Any, name: str | None, value: Any, execution: Any, context: Any) -> Any:
        # Each branch is in a state of its own; variables are shared.
        context = dict(context)
        while name:
            name, value = step(machines, execution, states, name, value, context)
        return value

    return run
