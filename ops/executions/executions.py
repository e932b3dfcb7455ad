"""Executions of a state machine: find them, read their history as runs of states.

Every time is in UTC.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from botocore.exceptions import ClientError

from ops.errors import OperationError

#: How an execution ends that did not succeed.
UNSUCCESSFUL = ("FAILED", "TIMED_OUT", "ABORTED")
#: How far the clocks of EventBridge and Step Functions may be apart.
CLOCKS = timedelta(minutes=1)
#: Looked back further than this, an execution that just ended would have run for so long.
LONGEST = timedelta(days=1)
#: ListExecutions returns no more in one call.
MOST_LISTED = 1000
#: Concurrent calls for details.
WORKERS = 10
#: So many executions are within what DescribeExecution takes at once.
FEW = 200


class Status(Enum):
    """How a state of an execution is."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CAUGHT = "caught"
    FAILED = "failed"


@dataclass
class StateRun:
    """One visit of an execution to a state."""

    name: str
    entered: datetime
    input: str
    status: Status = Status.RUNNING
    exited: datetime | None = None
    output: str | None = None
    attempts: int = 0
    error: str | None = None
    cause: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long the visit took, when it is over."""
        return (self.exited - self.entered).total_seconds() if self.exited else None


@dataclass(frozen=True)
class Execution:
    """An execution as Step Functions describes it."""

    arn: str
    name: str
    status: str
    started: datetime
    stopped: datetime | None
    input: str | None = None
    error: str | None = None
    cause: str | None = None
    output: str | None = None

    @property
    def answer(self) -> dict[str, Any] | None:
        """Its output, when that is an object."""
        value = json.loads(self.output) if self.output else None
        return value if isinstance(value, dict) else None

    @property
    def named_event(self) -> str:
        """The id with which EventBridge begins its name; the whole name if a program gave it."""
        return self.name.partition("_")[0]

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status != "RUNNING"

    @property
    def seconds(self) -> float | None:
        """How long it took, when it is over."""
        return (self.stopped - self.started).total_seconds() if self.stopped else None

    @property
    def event(self) -> dict[str, Any] | None:
        """The EventBridge event that started it; nothing when it was something else."""
        try:
            value = json.loads(self.input or "")
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    @property
    def event_id(self) -> str | None:
        """The id of that event."""
        value = (self.event or {}).get("id")
        return value if isinstance(value, str) else None


class NotRedrivableError(Exception):
    """Step Functions does not let the execution go on; the message says why."""


@dataclass(frozen=True)
class End:
    """How an execution ended: in which state, of which type, and with what error."""

    state: str
    kind: str
    error: str
    cause: str


@dataclass
class _History:
    """The visits that were read so far, and to which of them each event belongs."""

    runs: list[StateRun] = field(default_factory=list)
    owners: dict[int, StateRun] = field(default_factory=dict)

    def owner(self, event: Mapping[str, Any]) -> StateRun | None:
        """Return the visit to which an event belongs.

        Step Functions chains the events of parallel branches by ``previousEventId``; where that
        is missing, the visit is the newest one.
        """
        previous = event.get("previousEventId")
        if previous:
            return self.owners.get(previous)
        return self.runs[-1] if self.runs else None


def state_runs(events: Iterable[Mapping[str, Any]]) -> list[StateRun]:
    """Return the visits to states of a history, in the order in which they began.

    Parameters
    ----------
    events
        The events of GetExecutionHistory, oldest first.
    """
    history = _History()
    for event in events:
        run = _apply(history, event)
        if run is not None:
            history.owners[event["id"]] = run
    return history.runs


def _apply(history: _History, event: Mapping[str, Any]) -> StateRun | None:
    kind = event["type"]
    if kind.endswith("StateEntered"):
        details = event["stateEnteredEventDetails"]
        run = StateRun(details["name"], event["timestamp"], details.get("input", ""))
        history.runs.append(run)
        return run
    owner = history.owner(event)
    if owner is None:
        return None
    if kind.endswith("StateExited"):
        details = event["stateExitedEventDetails"]
        # Parallel branches end in any order. The items of a Map have states of one name, and follow
        # their own chain; the exit of the Map itself follows that of an item.
        if owner.name != details["name"]:
            owner = next(r for r in reversed(history.runs) if r.name == details["name"])
        owner.exited = event["timestamp"]
        owner.output = details.get("output")
        owner.status = Status.CAUGHT if owner.error else Status.SUCCEEDED
    elif kind in ("TaskScheduled", "LambdaFunctionScheduled"):
        owner.attempts += 1
        owner.error = owner.cause = None
    elif failure := failure_of(event):
        owner.error, owner.cause = failure
    if kind in ("ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"):
        for run in history.runs:
            if run.exited is None:
                run.exited = event["timestamp"]
                run.status = Status.FAILED
    return owner


def failure_of(event: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return error and cause of an event about a failure."""
    for key, details in event.items():
        if key.endswith("EventDetails") and isinstance(details, dict) and "error" in details:
            return str(details["error"]), str(details.get("cause", ""))
    return None


class Executions:
    """The executions of one state machine.

    Parameters
    ----------
    client
        A boto3 ``stepfunctions`` client.
    state_machine_arn
        The state machine.
    """

    #: As long as Step Functions lets an execution go on
    #: (https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html).
    remembered = timedelta(days=14)

    def __init__(self, client: Any, state_machine_arn: str) -> None:
        self._client = client
        self.state_machine_arn = state_machine_arn

    def newest(self, count: int) -> list[Execution]:
        """Return the newest executions, newest first, without their inputs."""
        pages = self._client.get_paginator("list_executions").paginate(
            stateMachineArn=self.state_machine_arn,
            PaginationConfig={"MaxItems": count, "PageSize": min(count, MOST_LISTED)},
        )
        return [_execution(item) for page in pages for item in page["executions"]]

    def started_by(self, event_ids: Iterable[str], known: dict[str, Execution]) -> None:
        """Add to `known` the executions that the events started, by event id.

        EventBridge begins an execution's name with the event's id, so one call lists the
        executions, and only those of the events are described. Executions that are in `known`
        already are not read again.
        """
        wanted = set(event_ids) - known.keys()
        for execution in self.newest(MOST_LISTED) if wanted else []:
            if execution.named_event in wanted:
                known[execution.named_event] = self.describe(execution.arn)
                wanted.discard(execution.named_event)
            if not wanted:
                return

    def since(self, moment: datetime) -> Iterator[Execution]:
        """Yield the executions that started since then, newest first, without their inputs."""
        # The clocks of two services.
        moment -= CLOCKS
        for execution in self._listed():
            # They come in the order in which they ended, or began.
            if (execution.stopped or execution.started) < moment:
                return
            if execution.started >= moment:
                yield execution

    def failed(self, moment: datetime) -> Iterator[Execution]:
        """Yield the executions that ended without success since then, without their inputs."""
        for status in UNSUCCESSFUL:
            for execution in self._listed(statusFilter=status):
                if execution.started < moment - LONGEST:
                    break
                if execution.stopped and execution.stopped >= moment:
                    yield execution

    def end(self, arn: str) -> End:
        """Return how an execution ended, from the end of its history."""
        pages = self._client.get_paginator("get_execution_history").paginate(
            executionArn=arn,
            reverseOrder=True,
            includeExecutionData=False,
            PaginationConfig={"PageSize": 50},
        )
        failure: tuple[str, str] | None = None
        for event in (event for page in pages for event in page["events"]):
            failure = failure or failure_of(event)
            if event["type"].endswith("StateEntered"):
                name = event["stateEnteredEventDetails"]["name"]
                return End(name, event["type"].removesuffix("StateEntered"), *(failure or ("", "")))
        return End("", "", *(failure or ("", "")))

    def redrive(self, arn: str) -> None:
        """Let an execution go on from the state in which it ended without success.

        Raises
        ------
        NotRedrivableError
            When Step Functions refuses.
        """
        try:
            self._client.redrive_execution(executionArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionNotRedrivable":
                raise
            raise NotRedrivableError(error.response["Error"]["Message"]) from error

    def stop(self, arn: str, reason: str) -> None:
        """End an execution; one that is over stays as it is."""
        self._client.stop_execution(executionArn=arn, error="Stopped", cause=reason)

    def _listed(self, **arguments: Any) -> Iterator[Execution]:
        pages = self._client.get_paginator("list_executions").paginate(
            stateMachineArn=self.state_machine_arn,
            PaginationConfig={"PageSize": MOST_LISTED},
            **arguments,
        )
        return (_execution(item) for page in pages for item in page["executions"])

    def describe(self, arn: str) -> Execution:
        """Return one execution with its input."""
        return _execution(self._client.describe_execution(executionArn=arn))

    def outputs(
        self, succeeded: Sequence[Execution], progress: Callable[[int], None] = lambda _: None
    ) -> list[Execution]:
        """Return executions that succeeded with their outputs, in any order.

        DescribeExecution and GetExecutionHistory have a quota each, and both return an output: of
        many executions, each reads a part.

        Parameters
        ----------
        succeeded
            The executions, as listed.
        progress
            Is called with the number of those that were read.
        """
        waiting, found = deque(succeeded), list[Execution]()

        def work(read: Callable[[Execution], Execution]) -> None:
            try:
                while waiting:
                    found.append(read(waiting.popleft()))
                    progress(len(found))
            except IndexError:
                # Another thread took the last one.
                return
            except BaseException:
                waiting.clear()
                raise

        readers = [self._described, self._last_event]
        if len(succeeded) <= FEW:
            readers = [self._described]
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, readers * (WORKERS // len(readers))))
        return found

    def _described(self, execution: Execution) -> Execution:
        return self.describe(execution.arn)

    def _last_event(self, execution: Execution) -> Execution:
        answer = self._client.get_execution_history(
            executionArn=execution.arn, reverseOrder=True, maxResults=1, includeExecutionData=True
        )
        [event] = answer["events"]
        details: Mapping[str, Any] = event["executionSucceededEventDetails"]
        return replace(execution, output=details.get("output"))

    def event(self, arn: str) -> dict[str, Any] | None:
        """Return the event that started an execution; nothing when Step Functions forgot it."""
        try:
            return self.describe(arn).event
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return None

    def history(self, arn: str) -> list[StateRun]:
        """Return the visits to states of one execution."""
        return state_runs(self._events(arn))

    def definition(self) -> dict[str, Any]:
        """Return the state machine's definition in Amazon States Language."""
        machine = self._client.describe_state_machine(stateMachineArn=self.state_machine_arn)
        definition: dict[str, Any] = json.loads(machine["definition"])
        return definition

    def _events(self, arn: str) -> Iterator[Mapping[str, Any]]:
        pages = self._client.get_paginator("get_execution_history").paginate(
            executionArn=arn, includeExecutionData=True
        )
        for event in (event for page in pages for event in page["events"]):
            yield {**event, "timestamp": event["timestamp"].astimezone(UTC)}


def find(flows: Iterable[Executions], name: str) -> tuple[Executions, Execution]:
    """Return the execution whose name, or the beginning of it, is `name`, and its flow's.

    Raises
    ------
    OperationError
        When none or several fit.
    """
    found = [(flow, e) for flow in flows for e in flow.newest(1000) if e.name.startswith(name)]
    exact = [(flow, e) for flow, e in found if e.name == name]
    if len(exact or found) != 1:
        raise OperationError(
            f"{len(found) or 'No'} executions have a name that begins with '{name}'.",
            "Type 'make watch' to see the names.",
        )
    [(executions, execution)] = exact or found
    return executions, executions.describe(execution.arn)


def _execution(item: Mapping[str, Any]) -> Execution:
    stopped = item.get("stopDate")
    # boto3 gives times in the zone of this computer.
    return Execution(
        arn=item["executionArn"],
        name=item["name"],
        status=item["status"],
        started=item["startDate"].astimezone(UTC),
        stopped=stopped.astimezone(UTC) if stopped else None,
        input=item.get("input"),
        error=item.get("error"),
        cause=item.get("cause"),
        output=item.get("output"),
    )
