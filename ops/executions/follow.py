"""Follow what an event started, state by state, until it ends."""

from __future__ import annotations

import time
from collections.abc import Collection

from ops.cli import screens
from ops.cli.terminal import console, step
from ops.errors import OperationError
from ops.executions.executions import Execution, Executions, StateRun, Status

POLL_SECONDS = 0.2
#: ListExecutions may be called 5 times a second, by everyone in the account together.
START_POLL_SECONDS = 0.5
START_SECONDS = 30
END_SECONDS = 180


def follow(
    executions: Executions, event_id: str, hidden: Collection[str] = ()
) -> tuple[Execution, list[StateRun]]:
    """Print each state as it ends, and return the ended execution with its states.

    Parameters
    ----------
    executions
        The executions of the state machine.
    event_id
        The event that starts one.
    hidden
        States that are not printed, such as those of a Map.

    Raises
    ------
    OperationError
        When the event starts nothing, or the execution does not end.
    """
    with step("Rule matched, execution started") as current:
        execution = _started(executions, event_id)
        current.detail = execution.name
    return _until_end(executions, execution.arn, hidden)


def follow_named(executions: Executions, name: str) -> tuple[Execution, list[StateRun]]:
    """Print each state of an execution as it ends, and return both as `follow` does.

    Parameters
    ----------
    executions
        The executions of the state machine.
    name
        The execution's name.

    Raises
    ------
    OperationError
        When the execution does not end.
    """
    machine = executions.state_machine_arn.replace(":stateMachine:", ":execution:")
    return _until_end(executions, f"{machine}:{name}", ())


def _until_end(
    executions: Executions, arn: str, hidden: Collection[str]
) -> tuple[Execution, list[StateRun]]:
    # Places in the history: parallel branches end in any order.
    printed: set[int] = set()
    deadline = time.monotonic() + END_SECONDS
    while True:
        execution = executions.describe(arn)
        runs = executions.history(arn)
        over = {place for place, run in enumerate(runs) if run.status is not Status.RUNNING}
        for run in (runs[place] for place in sorted(over - printed)):
            if run.name not in hidden:
                console.print(screens.state_line(run))
        printed |= over
        if execution.is_over:
            return execution, runs
        _check(deadline, f"Execution {execution.name} is still running.", "Follow it: make watch")
        time.sleep(POLL_SECONDS)


def _started(executions: Executions, event_id: str) -> Execution:
    known: dict[str, Execution] = {}
    deadline = time.monotonic() + START_SECONDS
    while event_id not in known:
        executions.started_by([event_id], known)
        _check(
            deadline,
            f"Event {event_id} started no execution within {START_SECONDS} s.",
            "See that its source and detail-type fit the rule's pattern.",
        )
        time.sleep(START_POLL_SECONDS)
    return known[event_id]


def _check(deadline: float, problem: str, action: str) -> None:
    if time.monotonic() > deadline:
        raise OperationError(problem, action)
