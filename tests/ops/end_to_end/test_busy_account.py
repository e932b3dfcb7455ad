"""Operators' commands hold under AWS's quotas, with many executions behind them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from emulator.quotas import Quotas
from ops.aws.clients import Aws
from ops.aws.pace import SHARE, Pace
from ops.executions import follow
from ops.executions.events import Publisher
from ops.executions.executions import Execution, Executions
from ops.executions.watch import ExecutionsView
from ops.flow import EVENT_RULE, MAIN, Trigger, Workflow
from ops.recovery import waiting
from ops.recovery.dead_letters import FAILED
from ops.recovery.places import Contents, Inspector, Key
from ops.recovery.reconcile import Fate, Reconciliation, Report
from ops.recovery.redrive import Selection, redrive
from ops.recovery.stuck import STUCK
from ops.report.gather import gather
from tests.support.outputs import flow, workflow
from tests.support.simulated_aws import CALL_SECONDS, MACHINE, Clock, Record, SimulatedAws
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


def busy(count: int, a_day: int, failed: int = 0) -> tuple[Clock, SimulatedAws, datetime]:
    """Return an account at the end of a history, and when that is.

    The failed executions are spread over 14 days; CatchErrors has queued all but ten of them, which
    ended in it.
    """
    clock = Clock()
    clock.sleep(timedelta(days=30).total_seconds())
    gap = timedelta(days=1) / a_day
    records = [
        Record(
            event(number),
            clock.moment - gap * (count - number),
            output={"rut": str(number), "store": "s"},
        )
        for number in range(count)
    ]
    for number in range(failed):
        record = Record(event(count + number), clock.moment - timedelta(days=14) / failed * number)
        record.status, record.end = "FAILED", ("Failed", "Fail")
        if number % (failed // 10) == 0:
            record.end = ("CatchErrors", "Task")
        records.append(record)
    records.sort(key=lambda record: record.started)
    return clock, SimulatedAws(clock, records), clock.moment


def paced(aws: SimulatedAws, service: str, pace: Pace) -> Any:
    client = aws.client(service)
    pace.watch(client)
    return client


class Place:
    """The parts of an account that a command gets, each paced."""

    def __init__(self, aws: SimulatedAws) -> None:
        self.pace = Pace(Quotas(SHARE, aws.clock.now), aws.clock.now, aws.clock.sleep)
        self._aws = aws
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service in ("sqs", "events"):
            return Empty()
        if service not in self._clients:
            self._clients[service] = paced(self._aws, service, self.pace)
        return self._clients[service]


class Empty:
    """Empty queues, and a rule that takes every event of a source."""

    def receive_message(self, **_: Any) -> dict[str, Any]:
        return {}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessagesNotVisible": "0"}}

    def describe_rule(self, **_: Any) -> dict[str, Any]:
        return {"EventPattern": json.dumps({"source": ["s"]})}


LOG, AUDIT = "/aws/lambda/catch-errors", "audit"
FLOW = Workflow(
    "flow",
    MAIN,
    "bus",
    MACHINE,
    "failed",
    (Trigger(EVENT_RULE, "rule", "bus", "undelivered"),),
    LOG,
)


def queued_lines(aws: SimulatedAws) -> list[dict[str, Any]]:
    return [
        {
            "timestamp": int(record.started.timestamp() * 1000),
            "message": json.dumps({"message": "execution failed", "execution": record.arn}),
        }
        for record in aws.records
        if record.end[1] == "Fail"
    ]


def audit_lines(aws: SimulatedAws) -> list[dict[str, Any]]:
    return [
        {
            "timestamp": int(record.started.timestamp()) * 1000,
            "message": json.dumps(
                {"id": record.event, "source": "s", "detail_type": "d", "resources": "[]"}
            ),
        }
        for record in aws.records
    ]


def test_dead_letters_read_the_history_of_what_queued_nothing_alone() -> None:
    _, aws, now = busy(HISTORY, 33_000, failed=5000)
    aws.lines[LOG] = queued_lines(aws)
    place, shown = Place(aws), list[float]()
    began = aws.clock.now()

    letters = waiting.of_flow(
        cast(Aws, place), FLOW, now, lambda _: shown.append(aws.clock.now() - began)
    )

    assert [letter.queue for letter in letters] == [STUCK] * 10
    assert {letter.state for letter in letters} == {"CatchErrors"}
    assert shown[0] < 3
    assert aws.calls["GetExecutionHistory"] == 10
    assert not aws.throttled
    assert aws.clock.now() - began < 30


def test_dead_letters_without_marks_take_minutes_and_are_not_throttled() -> None:
    """The log of CatchErrors may have been deleted, or keep less than 14 days."""
    _, aws, now = busy(6000, 33_000, failed=5000)
    place, began = Place(aws), aws.clock.now()

    letters = waiting.of_flow(cast(Aws, place), FLOW, now)

    assert len(letters) == 10
    assert aws.calls["GetExecutionHistory"] == 5000
    assert not aws.throttled
    assert aws.clock.now() - began < 600


class Messages:
    """A queue of messages that hold no event, as CatchErrors leaves them of large inputs."""

    def __init__(self, aws: SimulatedAws, executions: Iterable[str]) -> None:
        self._clock = aws.clock
        bodies = (
            json.dumps({"failedState": "A", "error": {"name": "E"}, "execution": execution})
            for execution in executions
        )
        self.left = {
            str(number): {"MessageId": str(number), "ReceiptHandle": str(number), "Body": body}
            for number, body in enumerate(bodies)
        }
        self._seen = iter(list(self.left.values()))

    def receive_message(self, **_: Any) -> dict[str, Any]:
        self._clock.sleep(CALL_SECONDS)
        return {"Messages": list(islice(self._seen, 10))}

    def delete_message(self, ReceiptHandle: str, **_: Any) -> None:  # noqa: N803  boto3's name
        self._clock.sleep(CALL_SECONDS)
        del self.left[ReceiptHandle]

    def put_events(self, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803  boto3's name
        self._clock.sleep(CALL_SECONDS)
        return {"Entries": [{"EventId": "new"} for _ in Entries]}


def test_a_redrive_of_5000_messages_takes_minutes_and_is_not_throttled() -> None:
    """Each event is read from its execution, 12 a second: 80 % of AWS's 15."""
    clock, aws, now = busy(HISTORY, 33_000, failed=5000)
    queue = Messages(aws, [r.arn for r in aws.records if r.status == "FAILED"])
    executions = Executions(Place(aws).client("stepfunctions"), MACHINE)
    began = clock.now()

    outcomes = redrive(
        queue,
        Publisher(queue, "bus"),
        [(FAILED, "url")],
        executions.event,
        Selection(everything=True),
        per_second=50,
        sleep=clock.sleep,
        now=lambda: now,
    )
    assert next(outcomes).goes_on
    first = clock.now() - began
    assert all(outcome.goes_on for outcome in outcomes)

    assert first < 3
    assert queue.left == {}
    assert aws.calls["DescribeExecution"] == 5000
    assert not aws.throttled
    assert clock.now() - began < 450


def reconciled(
    aws: SimulatedAws, now: datetime, inspector: Inspector | None
) -> tuple[Report, Place, float]:
    aws.lines |= {LOG: queued_lines(aws), AUDIT: audit_lines(aws)}
    place, began = Place(aws), aws.clock.now()
    shown: list[float] = []
    report = Reconciliation(
        place.client,
        FLOW,
        {"log_group": AUDIT, "queue_url": "unaudited"},
        inspector,
        lambda _: shown.append(aws.clock.now() - began),
    ).report(now - timedelta(days=1), aws.clock.sleep, lambda: now)
    assert shown[0] < 3
    return report, place, aws.clock.now() - began


@pytest.mark.parametrize("repeated", [0, 3000])
def test_a_day_of_33_000_executions_and_their_rows_is_reconciled_within_5_minutes(
    repeated: int,
) -> None:
    """The rows of most name their execution; those of repeated leads name an earlier one.

    Their outputs are read by two actions, and threads may share the work unevenly: the slower
    action alone reads 3000 in time.
    """
    _, aws, now = busy(HISTORY, 33_000)
    missing = str(HISTORY - 1)
    found_by_name = list[int]()

    def complete(executions: Iterable[Execution]) -> set[str]:
        names = [execution.name for execution in executions]
        found_by_name.append(len(names))
        of_missing = next(r.name for r in aws.records if r.event == event(HISTORY - 1))
        return set(names[repeated:]) - {of_missing}

    def look(executions: Iterable[Execution]) -> Contents:
        found: dict[Key, int] = {(e.answer["rut"],): 1 for e in executions if e.answer}
        assert len(found) <= repeated + 1
        found.pop((missing,))
        return Contents({"CLIENTS": ("rut",)}, {"CLIENTS": found})

    report, _, seconds = reconciled(aws, now, Inspector(look, complete))

    lost = [verdict for verdict in report.verdicts if verdict.fate is Fate.LOST]
    assert [(v.event.id, v.reason) for v in lost] == [(event(HISTORY - 1), "no row in CLIENTS")]
    # The gap between two executions is whole microseconds.
    assert report.counts[Fate.ARRIVED] >= 32_998
    assert min(found_by_name) >= 32_999
    assert seconds < 300
    assert not aws.throttled


def test_each_event_is_compared_with_its_row_below_the_published_rates() -> None:
    """Outputs are read one by one. Two actions return them, and both are used."""
    _, aws, now = busy(5000, 3000)
    missing = "4999"

    def look(executions: Iterable[Execution]) -> Contents:
        found: dict[Key, int] = {((e.answer or {})["rut"],): 1 for e in executions}
        assert len(found) >= 3000
        found.pop((missing,))
        return Contents({"CLIENTS": ("rut",)}, {"CLIENTS": found})

    report, place, seconds = reconciled(aws, now, Inspector(look))

    lost = [verdict for verdict in report.verdicts if verdict.fate is Fate.LOST]
    assert [(v.event.id, v.reason) for v in lost] == [(event(4999), "no row in CLIENTS")]
    assert report.counts[Fate.ARRIVED] >= 2999
    assert not aws.throttled
    # How they share the work depends on the threads of this computer.
    assert min(aws.calls["DescribeExecution"], aws.calls["GetExecutionHistory"]) > 300
    # The second search, for what was lost, reads no output again.
    assert aws.calls["DescribeExecution"] + aws.calls["GetExecutionHistory"] < 3100
    assert seconds < 180
    assert "AWS calls in" in place.pace.summary
    assert place.pace.calls == aws.calls


def test_a_report_of_the_newest_executions_takes_seconds() -> None:
    _, aws, now = busy(HISTORY, 33_000, failed=5000)
    outputs = {
        "event_bus_name": "bus",
        "flows": {
            "flow": flow(workflow(MACHINE), functions={"CatchErrors": {"name": "catch-errors"}})
        },
    }
    aws.lines[LOG] = queued_lines(aws)
    place, began, shown = Place(aws), aws.clock.now(), list[float]()

    [report] = gather(
        cast(Aws, place),
        outputs,
        now - timedelta(days=1),
        500,
        now,
        lambda _: shown.append(aws.clock.now() - began),
    )

    assert len(report.visits) == 500
    assert len(report.dead_letters) == 10
    assert shown[0] < 3
    assert not aws.throttled
    assert aws.clock.now() - began < 60


def test_the_newest_executions_are_shown_at_once() -> None:
    _, aws, _ = busy(HISTORY, 33_000)
    executions = Executions(Place(aws).client("stepfunctions"), MACHINE)
    began = aws.clock.now()

    for _ in range(60):
        ExecutionsView({"flow": executions}).render()

    assert aws.calls["ListExecutions"] == 60
    assert not aws.throttled
    # Each of these is the first of a command of its own.
    assert (aws.clock.now() - began) / 60 < 3


def test_a_few_calls_are_not_reported() -> None:
    _, aws, _ = busy(100, 100)
    place = Place(aws)

    Executions(place.client("stepfunctions"), MACHINE).newest(10)

    assert place.pace.calls == {"ListExecutions": 1}
    assert place.pace.summary == ""
