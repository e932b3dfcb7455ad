"""The expectations of one flow in the tests of every flow.

``tests/flows/<flow>/expectations.py`` has a constant ``EXPECTATIONS``. A flow may do without the
file: then the defaults hold, which are strict.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ops.executions.executions import Execution
from tests.support.running import RunningFlow

#: A role's name and the name of one of its statements.
Right = tuple[str, str]
#: Does what needs a right, and returns the error if there is one.
Try = Callable[[], str | None]

#: The input of CatchErrors, of an execution that never was.
EXECUTION = "arn:aws:states:::execution:least-privilege"
FAILURE = {
    "event": {"id": "x", "detail": {}},
    "execution": EXECUTION,
    "failedState": "x",
    "error": {"Error": "Test", "Cause": "least privilege"},
}


@dataclass(frozen=True)
class Rights:
    """How each right of a flow's roles is missed when it is taken away.

    Parameters
    ----------
    payloads
        What to call each function with, by its state, endpoint or task.
    tries
        Attempts that need the rights that no such call needs.
    after
        Checks and clears away what the attempts left.
    """

    payloads: Mapping[str, Any] = field(default_factory=lambda: {"CatchErrors": FAILURE})
    tries: Mapping[Right, Try] = field(default_factory=dict)
    after: Callable[[], None] = lambda: None


def example(running: RunningFlow) -> Any:
    """Return the detail of the flow's example."""
    return running.example["detail"]


@dataclass(frozen=True)
class Events:
    """Events that start the flow from the bus.

    Parameters
    ----------
    good, bad
        Return a detail that the flow takes, and one that its first state refuses. The bad one may
        get more fields.
    error
        How a bad one fails.
    """

    good: Callable[[RunningFlow], Mapping[str, Any]] = example
    bad: Callable[[RunningFlow], Mapping[str, Any]] = lambda _: {}
    error: str = "InvalidEvent"


def send_from_bus(running: RunningFlow) -> Execution:
    """Publish a good event, and return its execution when it has ended."""
    events = expectations_of(running.name).events
    assert events, f"{running.name} has no events"
    [event] = running.publish(events.good(running))
    execution, _ = running.ended(event)
    return execution


@dataclass(frozen=True)
class Marks:
    """Values that a flow was given to keep, and that no other has.

    Parameters
    ----------
    people
        Personal values, by what they are.
    secrets
        Values that must be in Secrets Manager, by what they are.
    failed
        Which of the people wait in the failed queue.
    searched
        Patterns of places in which the search must find each of the people. Otherwise it would not
        have seen anything.
    """

    people: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    failed: Collection[str] = ()
    searched: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """Wrong settings of a flow, as changes of those of ``dev``.

    Parameters
    ----------
    wrong
        Settings that each break a rule.
    sentences
        Terraform's messages; each names the flow and the setting.
    required
        A setting that the flow cannot do without, if it has one.
    platform
        The parts of the platform that the flow needs, by the root module's variables.
    """

    wrong: Mapping[str, Any]
    sentences: Collection[str]
    required: str = ""
    platform: Collection[str] = ()


@dataclass(frozen=True)
class Expectations:
    """What is special about a flow; everything may be left out.

    Parameters
    ----------
    running
        How tests see the flow in an environment.
    own_environment
        Runs the flow in a folder, in an environment of its own. Without it, the flow is in the
        environment that tests share.
    libraries
        The libraries that modules of ``lambda_src`` import when they are loaded, by module; for
        others only those count that no module may import.
    wide
        Names of statements whose resource has a wildcard, and why there is nothing narrower.
    unknown_policies
        Addresses in the flow's module of policies that Terraform does not know before it applies,
        and why.
    public_apis
        Names of APIs without a key, after the environment's prefix, and why.
    synchronous
        Templates of state machines whose callers wait for the answer: they retry for seconds only,
        and end before API Gateway gives up. Their callers send the request once more.
    granted
        Names of statements of state machines' roles that a service uses for a task, and why.
    longest_waits
        The most seconds that an execution waits in a state whose limit is an expression, all visits
        together, by the state's name.
    unasked
        Rights that only AWS asks for, by the statement's name, and what speaks for them instead.
    rights
        Returns how each right is missed, and is called once in each environment.
    events
        The events that start the flow from the bus; None if no event does.
    send
        Has the flow handle something good, and returns the execution when it has ended.
    marks
        Has the flow handle marked people and secrets, and returns the marks.
    places
        Matches the places where people may be, in environments other than prd.
    settings
        Wrong settings; needed by a flow that has settings.
    """

    running: type[RunningFlow] = RunningFlow
    own_environment: Callable[[Path], AbstractContextManager[RunningFlow]] | None = None
    libraries: Mapping[str, Collection[str]] = field(default_factory=dict)
    wide: Mapping[str, str] = field(default_factory=dict)
    unknown_policies: Mapping[str, str] = field(default_factory=dict)
    public_apis: Mapping[str, str] = field(default_factory=dict)
    synchronous: Collection[str] = ()
    granted: Mapping[str, str] = field(default_factory=dict)
    longest_waits: Mapping[str, int] = field(default_factory=dict)
    unasked: Mapping[str, str] = field(default_factory=dict)
    rights: Callable[[RunningFlow], Rights] = lambda _: Rights()
    events: Events | None = field(default_factory=Events)
    send: Callable[[RunningFlow], Execution] = send_from_bus
    marks: Callable[[RunningFlow], Marks] = lambda _: Marks()
    places: str = ""
    settings: Settings | None = None


@cache
def expectations_of(flow: str) -> Expectations:
    """Return what is special about a flow."""
    module = f"tests.flows.{flow}.expectations"
    # The folder is missing too in a copy of the repository without the flows' tests.
    if find_spec("tests.flows") is None or find_spec(f"tests.flows.{flow}") is None:
        return Expectations()
    if find_spec(module) is None:
        return Expectations()
    found: Expectations = importlib.import_module(module).EXPECTATIONS
    return found
