"""Executions of an Express state machine, which Step Functions neither lists nor describes.

Its log has them: the state machine writes each event of each execution there
(https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html). An execution shows up some
seconds late, and inputs and outputs are there only when the environment logs them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.errors import OperationError
from ops.executions.executions import (
    CLOCKS,
    UNSUCCESSFUL,
    End,
    Execution,
    Executions,
    NotRedrivableError,
    StateRun,
    failure_of,
    state_runs,
)

#: The end of an execution, by the type of its event.
ENDS = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
#: Selects the beginnings and ends of executions.
BOUNDS = '{ $.type = "Execution*" }'
#: How far back the newest executions are searched for, until there are enough.
WINDOWS = (timedelta(minutes=15), timedelta(hours=2), timedelta(days=1))
#: How late a line may come into the log.
LATE = timedelta(minutes=2)

Line = Mapping[str, Any]


@dataclass
class _Known:
    """The executions that were read: those since `begin`, from lines up to `end`."""

    executions: dict[str, Execution] = field(default_factory=dict)
    begin: datetime | None = None
    end: datetime | None = None


class ExpressExecutions(Executions):
    """The executions of one Express state machine.

    Parameters
    ----------
    client, logs
        Boto3 clients ``stepfunctions`` and ``logs``.
    state_machine_arn
        The state machine.
    log_group
        The name of its log group.
    now
        The clock.
    """

    #: The log of a busy state machine grows by gigabytes a day, and no call skips its lines.
    remembered = timedelta(days=1)

    def __init__(
        self,
        client: Any,
        logs: Any,
        state_machine_arn: str,
        log_group: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(client, state_machine_arn)
        self._logs = logs
        self._log_group = log_group
        self._now = now
        self._known = _Known()

    def newest(self, count: int) -> list[Execution]:
        """Return the newest executions of the last day, newest first."""
        found: list[Execution] = []
        for window in WINDOWS:
            found = self._begun_since(self._now() - window)
            if len(found) >= count:
                break
        return found[:count]

    def since(self, moment: datetime) -> Iterator[Execution]:
        """Yield the executions that started since then, newest first."""
        yield from self._begun_since(moment - CLOCKS)

    def failed(self, moment: datetime) -> Iterator[Execution]:
        """Yield the executions of the last day that ended without success since then."""
        for execution in self._begun_since(max(moment, self._now() - self.remembered)):
            if execution.status in UNSUCCESSFUL:
                yield execution

    def describe(self, arn: str) -> Execution:
        """Return one execution of the last day.

        Raises
        ------
        OperationError
            When the log has no such execution.
        """
        known = self._known.executions.get(arn)
        if known is None or not known.is_over:
            since = known.started if known else self._now() - self.remembered
            self._begun_since(since)
            known = self._known.executions.get(arn)
        if known is None:
            raise OperationError(
                f"The log {self._log_group} has no execution {arn} of the last day.",
                "Search the log for it with CloudWatch Logs Insights.",
            )
        return known

    def event(self, arn: str) -> dict[str, Any] | None:
        """Return the event that started an execution; nothing when the log does not have it."""
        try:
            return self.describe(arn).event
        except OperationError:
            return None

    def outputs(
        self, succeeded: Sequence[Execution], progress: Callable[[int], None] = lambda _: None
    ) -> list[Execution]:
        """Return the executions: the log that named them has their outputs, if it has any."""
        progress(len(succeeded))
        return list(succeeded)

    def end(self, arn: str) -> End:
        """Return how an execution ended."""
        failure: tuple[str, str] | None = None
        for event in reversed(self._events_of(arn)):
            failure = failure or failure_of(event)
            if event["type"].endswith("StateEntered"):
                name = event["stateEnteredEventDetails"]["name"]
                return End(name, event["type"].removesuffix("StateEntered"), *(failure or ("", "")))
        return End("", "", *(failure or ("", "")))

    def history(self, arn: str) -> list[StateRun]:
        """Return the visits to states of one execution."""
        return state_runs(self._events_of(arn))

    def redrive(self, arn: str) -> None:
        """Refuse: Step Functions has no redrive of Express executions."""
        raise NotRedrivableError(f"{arn} is an Express execution. Resend its event")

    def _begun_since(self, moment: datetime) -> list[Execution]:
        """Return the executions that began since then, newest first; read what is not read yet."""
        known, now = self._known, self._now()
        if known.begin is None or known.end is None or moment < known.begin:
            self._read(moment, BOUNDS)
            known.begin = moment
        else:
            self._read(known.end - LATE, BOUNDS)
        known.end = now
        found = [e for e in known.executions.values() if e.started >= moment]
        return sorted(found, key=lambda execution: execution.started, reverse=True)

    def _read(self, since: datetime, pattern: str) -> None:
        for line in self._lines(since, pattern):
            arn = line["execution_arn"]
            begun = self._known.executions.get(arn)
            if line["type"] == "ExecutionStarted":
                self._known.executions[arn] = begun or _begun(line)
            elif begun and line["type"] in ENDS:
                self._known.executions[arn] = _ended(begun, line)

    def _events_of(self, arn: str) -> list[dict[str, Any]]:
        """Return the events of one execution as GetExecutionHistory does, oldest first."""
        execution = self.describe(arn)
        lines = self._lines(
            execution.started - CLOCKS,
            f'{{ $.execution_arn = "{arn}" }}',
            execution.stopped + LATE if execution.stopped else None,
        )
        # The log may have a line twice.
        by_id = {int(line["id"]): line for line in lines}
        return [_event(by_id[number]) for number in sorted(by_id)]

    def _lines(self, since: datetime, pattern: str, until: datetime | None = None) -> list[Line]:
        """Return the lines of the log that a pattern selects, oldest first."""
        given = {"endTime": _milliseconds(until)} if until else {}
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._log_group,
            startTime=_milliseconds(since),
            filterPattern=pattern,
            **given,
        )
        lines: Iterable[Line] = (json.loads(e["message"]) for page in pages for e in page["events"])
        return sorted(lines, key=lambda line: (line["event_timestamp"], int(line["id"])))


def _begun(line: Line) -> Execution:
    arn = line["execution_arn"]
    return Execution(
        arn=arn,
        # …:express:<state machine>:<name>:<an id of Step Functions>
        name=arn.split(":")[7],
        status="RUNNING",
        started=_time(line),
        stopped=None,
        input=line["details"].get("input"),
    )


def _ended(begun: Execution, line: Line) -> Execution:
    details = line["details"]
    return replace(
        begun,
        status=ENDS[line["type"]],
        stopped=_time(line),
        error=details.get("error"),
        cause=details.get("cause"),
        output=details.get("output"),
    )


def _event(line: Line) -> dict[str, Any]:
    kind = line["type"]
    moment = next((m for m in ("Entered", "Exited") if kind.endswith(f"State{m}")), None)
    key = f"state{moment}EventDetails" if moment else "otherEventDetails"
    return {
        "id": int(line["id"]),
        "previousEventId": int(line["previous_event_id"]),
        "type": kind,
        "timestamp": _time(line),
        key: line["details"],
    }


def _time(line: Line) -> datetime:
    return datetime.fromtimestamp(int(line["event_timestamp"]) / 1000, UTC)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
