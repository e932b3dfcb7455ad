"""Executions of Express state machines are read from their log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from emulator.filter_patterns import compile_json
from ops.errors import OperationError
from ops.executions.executions import Status
from ops.executions.express import ExpressExecutions
from ops.flow import Workflow
from ops.recovery import stuck

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:orders"
GROUP = "/aws/vendedlogs/states/orders"
EVENT = {"id": "event-1", "source": "shop", "detail-type": "Order", "detail": {}}


def arn_of(name: str) -> str:
    return f"arn:aws:states:us-east-1:000000000000:express:orders:{name}:0-1-2"


@dataclass
class Log:
    """A log group, and the calls that read it."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def write(self, name: str, at: datetime, *events: tuple[str, dict[str, Any]]) -> None:
        """Write the events of an execution, one each second."""
        for number, (kind, details) in enumerate(events, start=1):
            moment = at + timedelta(seconds=number - 1)
            self.lines.append(
                {
                    "id": str(number),
                    "type": kind,
                    "details": details,
                    "previous_event_id": str(number - 1),
                    "event_timestamp": str(int(moment.timestamp() * 1000)),
                    "execution_arn": arn_of(name),
                }
            )

    def get_paginator(self, operation: str) -> Log:
        assert operation == "filter_log_events"
        return self

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Give one line a page, as CloudWatch may."""
        self.calls.append(arguments)
        assert arguments["logGroupName"] == GROUP
        matches = compile_json(arguments["filterPattern"])
        end = arguments.get("endTime", float("inf"))
        for line in self.lines:
            text = json.dumps(line)
            if arguments["startTime"] <= int(line["event_timestamp"]) < end and matches(text):
                yield {"events": [{"message": text}]}
        yield {"events": []}


def succeeding(log: Log, name: str, at: datetime, **data: str) -> None:
    log.write(
        name,
        at,
        ("ExecutionStarted", data),
        ("TaskStateEntered", {"name": "Price", **data}),
        ("TaskScheduled", {"resource": "invoke"}),
        ("TaskFailed", {"error": "Lambda.ServiceException", "cause": "busy"}),
        ("TaskScheduled", {"resource": "invoke"}),
        ("TaskSucceeded", {}),
        (
            "TaskStateExited",
            {"name": "Price", "output": '{"price": 3}'} if data else {"name": "Price"},
        ),
        ("ExecutionSucceeded", {"output": '{"price": 3}'} if data else {}),
    )


def failing(log: Log, name: str, at: datetime, end: str = "ExecutionFailed") -> None:
    details = {"error": "States.Timeout", "cause": "too long"}
    log.write(
        name,
        at,
        ("ExecutionStarted", {"input": json.dumps(EVENT)}),
        ("TaskStateEntered", {"name": "Price"}),
        (end, details if end == "ExecutionFailed" else {}),
    )


def read(log: Log, now: datetime = NOW) -> ExpressExecutions:
    return ExpressExecutions(None, log, MACHINE, GROUP, lambda: now)


def test_an_execution_has_its_name_times_input_and_output() -> None:
    log = Log()
    succeeding(log, "event-1_a", NOW - timedelta(minutes=3), input=json.dumps(EVENT))

    [execution] = read(log).newest(10)

    assert (execution.name, execution.status) == ("event-1_a", "SUCCEEDED")
    assert execution.named_event == execution.event_id == "event-1"
    assert execution.seconds == 7
    assert execution.answer == {"price": 3}


def test_an_environment_that_logs_no_data_shows_how_executions_end() -> None:
    log = Log()
    succeeding(log, "event-1_a", NOW - timedelta(minutes=3))

    [execution] = read(log).newest(10)

    assert (execution.status, execution.input, execution.answer) == ("SUCCEEDED", None, None)


def test_the_newest_are_searched_for_further_and_further_back() -> None:
    log = Log()
    for name, minutes in (("new", 1), ("older", 60), ("old", 600), ("forgotten", 3000)):
        succeeding(log, name, NOW - timedelta(minutes=minutes))

    assert [e.name for e in read(log).newest(1)] == ["new"]
    assert [e.name for e in read(log).newest(2)] == ["new", "older"]
    assert [e.name for e in read(log).newest(9)] == ["new", "older", "old"]


def test_a_second_look_reads_only_what_came_since() -> None:
    log, clock = Log(), [NOW]
    executions = ExpressExecutions(None, log, MACHINE, GROUP, lambda: clock[0])
    log.write("a", NOW - timedelta(minutes=14), ("ExecutionStarted", {}))
    assert [e.status for e in executions.newest(1)] == ["RUNNING"]

    clock[0] = NOW + timedelta(minutes=1)
    log.write("b", NOW, ("ExecutionStarted", {}), ("ExecutionSucceeded", {}))
    newest = executions.newest(1)

    assert [(e.name, e.status) for e in newest] == [("b", "SUCCEEDED")]
    assert log.calls[-1]["startTime"] == int((NOW - timedelta(minutes=2)).timestamp() * 1000)


def test_lines_in_any_order_and_twice_make_one_execution() -> None:
    log = Log()
    succeeding(log, "a", NOW - timedelta(minutes=1), input="{}")
    log.lines = [*reversed(log.lines), *log.lines]

    [execution] = read(log).newest(10)
    [run] = read(log).history(execution.arn)[:1]

    assert execution.status == "SUCCEEDED"
    assert run.output == '{"price": 3}'


def test_the_history_shows_retries_and_the_end() -> None:
    log = Log()
    succeeding(log, "good", NOW - timedelta(minutes=2), input="{}")
    failing(log, "bad", NOW - timedelta(minutes=1))
    executions = read(log)

    [good] = executions.history(arn_of("good"))
    [bad] = executions.history(arn_of("bad"))

    assert (good.name, good.attempts, good.status) == ("Price", 2, Status.SUCCEEDED)
    assert (bad.name, bad.status) == ("Price", Status.FAILED)
    assert good.seconds == 5


def test_executions_since_a_moment_began_then_or_later() -> None:
    log = Log()
    for name, minutes in (("a", 5), ("b", 20)):
        succeeding(log, name, NOW - timedelta(minutes=minutes))

    assert [e.name for e in read(log).since(NOW - timedelta(minutes=10))] == ["a"]


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("ExecutionFailed", "FAILED"),
        ("ExecutionTimedOut", "TIMED_OUT"),
        ("ExecutionAborted", "ABORTED"),
    ],
)
def test_what_ended_without_a_message_is_stuck_and_cannot_go_on(end: str, status: str) -> None:
    log = Log()
    failing(log, "event-1_a", NOW - timedelta(hours=2), end)
    succeeding(log, "event-2_a", NOW - timedelta(hours=1))
    executions = read(log)

    [letter] = stuck.find(executions, NOW, known=())

    assert (letter.state, letter.event) == ("Price", EVENT)
    assert json.loads(letter.raw["Body"])["status"] == status
    reason = stuck.resume(executions, letter)
    assert reason is not None
    assert reason.endswith("is an Express execution. Resend its event")


def test_failures_before_yesterday_are_not_searched_for() -> None:
    log = Log()
    failing(log, "a", NOW - timedelta(hours=25))

    assert list(read(log).failed(NOW - timedelta(days=14))) == []
    assert log.calls[-1]["startTime"] >= (NOW - timedelta(days=1)).timestamp() * 1000


def test_an_execution_that_the_log_does_not_have_is_named() -> None:
    executions = read(Log())

    with pytest.raises(OperationError, match="has no execution"):
        executions.describe(arn_of("a"))
    assert executions.event(arn_of("a")) is None


def test_events_find_their_executions() -> None:
    log, known = Log(), dict[str, Any]()
    succeeding(log, "event-1_a", NOW - timedelta(minutes=1), input=json.dumps(EVENT))

    read(log).started_by(["event-1", "event-2"], known)

    assert {event: e.status for event, e in known.items()} == {"event-1": "SUCCEEDED"}


def test_a_workflow_knows_where_its_executions_are() -> None:
    def outputs(kind: str) -> dict[str, Any]:
        main = {
            "type": kind,
            "state_machine_arn": MACHINE,
            "failed_queue_url": "https://queue",
            "log_group_name": GROUP,
        }
        return {"event_bus_name": "bus", "flows": {"orders": {"workflows": {"main": main}}}}

    def client(service: str) -> Any:
        return SimpleNamespace(service=service)

    express = Workflow.from_outputs(outputs("EXPRESS"), "orders").executions(client)
    standard = Workflow.from_outputs(outputs("STANDARD"), "orders").executions(client)

    assert isinstance(express, ExpressExecutions)
    assert not isinstance(standard, ExpressExecutions)
