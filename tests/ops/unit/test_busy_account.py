"""Operators' commands hold under AWS's quotas, with many executions behind them."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest

from ops.executions import follow
from ops.executions.executions import Executions
from tests.support.simulated_aws import MACHINE, Clock, Record, SimulatedAws
from tests.support.times import START

HISTORY = 100_000
LEADS_A_SECOND = 50


def event(number: int) -> str:
    return str(UUID(int=number))


@pytest.mark.parametrize("late", [0.0, 3.0])
def test_a_smoke_test_finds_its_execution_among_50_leads_a_second(
    monkeypatch: pytest.MonkeyPatch, late: float
) -> None:
    clock = Clock()
    gap = timedelta(seconds=1 / LEADS_A_SECOND)
    records = [
        Record(event(number), START + gap * (number - HISTORY)) for number in range(HISTORY + 1000)
    ]
    own = Record("own", START + timedelta(seconds=late), "RUNNING")
    aws = SimulatedAws(clock, sorted([*records, own], key=lambda record: record.started))
    monkeypatch.setattr(follow, "time", SimpleNamespace(monotonic=clock.now, sleep=clock.sleep))

    found = follow._started(Executions(aws.client("stepfunctions"), MACHINE), "own")

    assert (found.name, found.event_id) == (own.name, "own")
    assert clock.now() - late < 5
    assert aws.calls["DescribeExecution"] == 1
    assert not aws.throttled


def test_a_smoke_test_does_not_take_an_execution_for_its_own() -> None:
    clock = Clock()
    records = [Record(f"own{number}", START - timedelta(seconds=9)) for number in range(5)]
    aws = SimulatedAws(clock, records)
    known: dict[str, object] = {}

    Executions(aws.client("stepfunctions"), MACHINE).started_by(["own"], known)  # type: ignore[arg-type]

    assert known == {}
    assert aws.calls == {"ListExecutions": 1}
