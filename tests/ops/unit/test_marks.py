"""The log of CatchErrors says which executions have queued their event."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.executions.executions import Executions
from ops.recovery.marks import queued
from ops.recovery.stuck import find
from tests.support.simulated_aws import MACHINE, Clock, Record, SimulatedAws

GROUP = "/aws/lambda/catch-errors"
ONE, OTHER = (
    "arn:aws:states:us-east-1:1:execution:m:one",
    "arn:aws:states:us-east-1:1:execution:m:2",
)


@pytest.fixture
def log(aws: Callable[[str], Any]) -> Callable[..., Any]:
    """A log group of moto; writes lines to it and returns the client."""
    client = aws("logs")
    client.create_log_group(logGroupName=GROUP)
    client.create_log_stream(logGroupName=GROUP, logStreamName="one")

    def write(*lines: str, ago: timedelta = timedelta()) -> Any:
        at = int((datetime.now(UTC) - ago).timestamp() * 1000)
        client.put_log_events(
            logGroupName=GROUP,
            logStreamName="one",
            logEvents=[{"timestamp": at, "message": line} for line in lines],
        )
        return client

    return write


def line(**fields: Any) -> str:
    return json.dumps({"level": "WARNING", "message": "execution failed", **fields})


def since(**ago: int) -> datetime:
    return datetime.now(UTC) - timedelta(**ago)


def test_a_line_after_the_message_marks_its_execution(log: Callable[..., Any]) -> None:
    client = log(line(execution=ONE), line(execution=OTHER))

    assert queued(client, GROUP, since(hours=1)) == {ONE, OTHER}


def test_another_line_marks_nothing(log: Callable[..., Any]) -> None:
    client = log(
        f"execution failed {ONE}",
        json.dumps(["execution failed", ONE]),
        json.dumps({"message": "an execution failed", "execution": ONE}),
        json.dumps({"message": "could not publish: execution failed", "execution": ONE}),
        line(execution=None),
        line(),
    )

    assert queued(client, GROUP, since(hours=1)) == set()


def test_an_older_line_is_not_read(log: Callable[..., Any]) -> None:
    client = log(line(execution=ONE), ago=timedelta(hours=2))

    assert queued(client, GROUP, since(hours=1)) == set()
    assert queued(client, GROUP, since(hours=3)) == {ONE}


def test_without_a_log_nothing_is_marked(log: Callable[..., Any]) -> None:
    assert queued(log(line(execution=ONE)), None, since(hours=1)) == set()
    assert queued(log(line(execution=ONE)), "/aws/lambda/missing", since(hours=1)) == set()


def test_the_log_is_read_only_when_an_execution_failed() -> None:
    clock = Clock()
    aws = SimulatedAws(clock, [Record("a", clock.moment)])
    executions = Executions(aws.client("stepfunctions"), MACHINE)

    def refuse() -> set[str]:
        raise AssertionError("no execution failed")

    assert list(find(executions, clock.moment, (), refuse)) == []
