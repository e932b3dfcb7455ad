"""Have the emulator's histories tell of the states in branches, and of what came before each event.

The emulator writes down the states of the state machine itself, but not those of a Parallel's
branches or of a Map's items, and leaves out ``previousEventId``, without which nobody can tell
which branch an event is of.

This module runs in the emulator's own Python environment and imports nothing of the project.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

#: The execution and the id of its last event, in the thread of a branch: threads begin with what
#: their Parallel had.
_last: ContextVar[tuple[str, int]] = ContextVar("last", default=("", 0))
_writing = threading.Lock()


def make_whole(step: Callable[..., Any]) -> None:
    """Put the functions of this module in the place of the emulator's own.

    Parameters
    ----------
    step
        Interprets one state and writes it down: `emulator_redrive.step`.
    """
    from ministack.services import stepfunctions

    stepfunctions._add_event = chained(stepfunctions._add_event)
    stepfunctions._run_sub_machine = told(stepfunctions, step)


def chained(add: Callable[..., Any]) -> Callable[..., Any]:
    """Return the emulator's writing of an event, which then names the event before it."""

    def add_event(execution: Any, kind: str, details: Any = None) -> Any:
        arn, previous = _last.get()
        # Branches write at the same time, and the id is the event's place.
        with _writing:
            event = add(execution, kind, details)
            event["previousEventId"] = previous if arn == execution["executionArn"] else 0
        _last.set((execution["executionArn"], event["id"]))
        return event

    return add_event


def told(machines: Any, step: Callable[..., Any]) -> Callable[..., Any]:
    """Return an interpreter of a branch that writes down its states as those outside of it."""

    def run(states: Any, name: str | None, value: Any, execution: Any, context: Any) -> Any:
        # Each branch is in a state of its own; variables are shared.
        context = dict(context)
        while name:
            name, value = step(machines, execution, states, name, value, context)
        return value

    return run
