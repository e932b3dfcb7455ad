"""A smoke test that does not come to its end leaves nothing behind that runs, or that passed."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ops.errors import OperationError
from ops.executions import follow
from ops.flows import DeployedFlow
from ops.flows.crm_registration import smoke
from ops.releases.smoke import SmokeTestFailed
from tests.support.outputs import flow, workflow

FLOW = "crm_registration"
EVENT = "event-1"
#: EventBridge begins it with the event's id.
NAME = f"{EVENT}_one"
EXECUTION = f"arn:aws:states:us-east-1:1:execution:machine:{NAME}"
OUTPUTS = {
    "event_bus_name": "bus",
    "flows": {
        FLOW: flow(workflow(), functions={"remove_synthetic": {"name": "remove-synthetic"}}),
    },
}


class Account:
    """The services that a smoke test calls; `calls` are what it changed, in order."""

    def __init__(self) -> None:
        self.status = "RUNNING"
        self.is_started = True
        self.interrupted = False
        self.rows = 1
        self.calls: list[str] = []

    @property
    def deployed(self) -> DeployedFlow:
        return DeployedFlow(FLOW, "qa", lambda _: self, OUTPUTS)

    def put_events(self, Entries: list[Any]) -> Any:  # noqa: N803
        return {"FailedEntryCount": 0, "Entries": [{"EventId": EVENT} for _ in Entries]}

    def get_paginator(self, name: str) -> Any:
        assert name == "list_executions"
        found = [self.describe_execution("")] if self.is_started else []
        return SimpleNamespace(paginate=lambda **_: [{"executions": found}])

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return {
            "executionArn": EXECUTION,
            "name": NAME,
            "status": self.status,
            "startDate": datetime.now(UTC),
            "input": json.dumps({"id": EVENT}),
        }

    def stop_execution(self, executionArn: str, **_: Any) -> None:  # noqa: N803
        self.calls.append(f"stop {executionArn}")

    def invoke(self, FunctionName: str, **_: Any) -> Any:  # noqa: N803
        self.calls.append(FunctionName)
        return {"Payload": io.BytesIO(json.dumps({"CLIENTS": self.rows}).encode())}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    account = Account()

    def history(*_: Any) -> list[Any]:
        if account.interrupted:
            raise KeyboardInterrupt
        return []

    monkeypatch.setattr("ops.executions.executions.Executions.history", history)
    monkeypatch.setattr(follow, "START_SECONDS", 0.2)
    monkeypatch.setattr(follow, "END_SECONDS", 0)
    return account


def test_a_lead_that_arrived_is_removed(account: Account) -> None:
    account.status = "SUCCEEDED"

    assert smoke.run(account.deployed) == f"execution {NAME}, 1 in CLIENTS, removed"
    assert account.calls == ["remove-synthetic"]


def test_a_row_that_is_missing_fails_it(account: Account) -> None:
    account.status, account.rows = "SUCCEEDED", 0

    with pytest.raises(SmokeTestFailed, match="was 0 in CLIENTS"):
        smoke.run(account.deployed)


def test_an_execution_that_still_runs_is_stopped_before_its_rows_are_removed(
    account: Account,
) -> None:
    with pytest.raises(OperationError, match="is still running"):
        smoke.run(account.deployed)

    assert account.calls == [f"stop {EXECUTION}", "remove-synthetic"]


def test_who_interrupts_it_leaves_nothing_running_either(account: Account) -> None:
    account.interrupted = True

    with pytest.raises(KeyboardInterrupt):
        smoke.run(account.deployed)

    assert account.calls == [f"stop {EXECUTION}", "remove-synthetic"]


def test_an_event_that_started_nothing_is_told_as_such(account: Account) -> None:
    account.is_started = False

    with pytest.raises(OperationError, match="started no execution"):
        smoke.run(account.deployed)

    assert account.calls == ["remove-synthetic"]
