"""The fate of each event follows from the audit log, the executions and the queues."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.cli.text import moment
from ops.errors import OperationError
from ops.executions.events import SYNTHETIC
from ops.executions.executions import CLOCKS, Execution
from ops.executions.patterns import matches
from ops.flow import EVENT_RULE, MAIN, Trigger, Workflow
from ops.recovery.audit import Accepted, Discarded, audited, discarded
from ops.recovery.dead_letters import FAILED, ORIGIN, DeadLetter
from ops.recovery.places import Contents, Inspector, Key
from ops.recovery.reconcile import (
    SETTLE_SECONDS,
    Fate,
    Found,
    Reconciliation,
    Report,
    judge,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LONG_AGO = NOW - HOUR
KEYS = {"CLIENTS": ("rut",), "PARTNERS": ("rut", "store"), "BENEFIT": ("rut",)}
LEAD = {"rut": "1-9", "store": "centre"}
ROWS: dict[str, dict[Key, int]] = {
    "CLIENTS": {("1-9",): 1},
    "PARTNERS": {("1-9", "centre"): 1},
    "BENEFIT": {("1-9",): 1},
}
LOG = "/aws/events/bus-audit"


def accepted(name: str, *resources: str, at: datetime = LONG_AGO) -> Accepted:
    return Accepted(name, at, "kranio.event.crm", "CRM Registration", resources)


def execution(event: str, status: str, lead: Any = None) -> Execution:
    stopped = None if status == "RUNNING" else LONG_AGO + MINUTE
    output = json.dumps(lead) if lead else None
    return Execution(
        f"arn:{event}", f"{event}_1", status, LONG_AGO, stopped, json.dumps({"id": event}),
        output=output,
    )  # fmt: skip


def letter(event: str, queue: str = FAILED) -> DeadLetter:
    return DeadLetter(
        queue, f"message-{event}", "", LONG_AGO, "CreateClient", "CrmUnavailable", "no answer",
        f"arn:{event}", {"id": event},
    )  # fmt: skip


def fates(found: Found) -> dict[str, Fate]:
    return {verdict.event.id: verdict.fate for verdict in judge(found, NOW).verdicts}


def one(
    event: Accepted,
    *executions: Execution,
    letters: dict[str, DeadLetter] | None = None,
    **more: Any,
) -> Report:
    return judge(Found([event], {event.id: executions}, letters or {}, **more), NOW)


@pytest.mark.parametrize(
    ("executions", "waits", "fate"),
    [
        (["SUCCEEDED"], False, Fate.ARRIVED),
        (["FAILED", "SUCCEEDED"], False, Fate.ARRIVED),
        (["FAILED"], True, Fate.WAITING),
        ([], True, Fate.WAITING),
        (["RUNNING"], False, Fate.IN_FLIGHT),
        (["FAILED", "RUNNING"], False, Fate.IN_FLIGHT),
        (["FAILED"], False, Fate.LOST),
        (["TIMED_OUT"], False, Fate.LOST),
        ([], False, Fate.LOST),
    ],
)
def test_an_event_has_one_fate(executions: list[str], waits: bool, fate: Fate) -> None:
    ended = executions and fate in (Fate.ARRIVED, Fate.LOST)
    report = one(
        accepted("a"),
        *(execution("a", status) for status in executions),
        letters={"a": letter("a")} if waits else None,
    )

    assert [(verdict.fate, verdict.since) for verdict in report.verdicts] == [
        (fate, LONG_AGO + MINUTE if ended else LONG_AGO)
    ]
    assert report.is_whole == (fate is not Fate.LOST)
    assert (report.knows_rows, report.busy) == (False, 0)


def test_an_event_has_a_minute_to_start_its_execution() -> None:
    young, old = (accepted("a", at=NOW - timedelta(seconds=s)) for s in (59, 60))

    assert one(young).counts[Fate.IN_FLIGHT] == 1
    assert one(old).counts[Fate.LOST] == 1


def test_what_waits_tells_where_since_when_and_why() -> None:
    [verdict] = one(accepted("a"), letters={"a": letter("a")}).verdicts

    assert (verdict.place, verdict.since) == (FAILED, LONG_AGO)
    assert verdict.reason == "CrmUnavailable in CreateClient"


def test_the_fate_of_what_was_sent_again_is_that_of_the_last() -> None:
    first = accepted("first")
    second = accepted("second", f"{ORIGIN}first", "arn:execution:1")
    third = accepted("third", f"{ORIGIN}first", at=LONG_AGO + timedelta(minutes=1))
    failed = {name: [execution(name, "FAILED")] for name in ("first", "second")}

    lost = fates(Found([first, second, third], failed, {}))
    arrived = fates(
        Found([first, second, third], {**failed, "third": [execution("third", "SUCCEEDED")]}, {})
    )

    assert lost == {"first": Fate.REDRIVEN, "second": Fate.REDRIVEN, "third": Fate.LOST}
    assert arrived["third"] is Fate.ARRIVED


def test_what_was_discarded_is_not_lost_and_says_who_decided_it_and_why() -> None:
    decision = Discarded("a", NOW, "arn:aws:iam::1:user/ana", "settled by hand")
    events = [accepted("a"), accepted("b")]

    report = judge(Found(events, {}, {}, discarded={"a": decision}), NOW)

    first, second = report.verdicts
    assert (first.fate, first.place) == (Fate.DISCARDED, "by arn:aws:iam::1:user/ana")
    assert (first.since, first.reason) == (NOW, "settled by hand")
    assert second.fate is Fate.LOST
    assert "1 discarded" in report.summary
    assert report.as_json()["discarded"] == 1


def test_a_decision_has_no_effect_while_the_event_waits_or_after_it_arrived() -> None:
    decision = {"a": Discarded("a", NOW, "ana", "settled by hand")}

    waits = judge(Found([accepted("a")], {}, {"a": letter("a")}, discarded=decision), NOW)
    arrived = {"a": [execution("a", "SUCCEEDED")]}
    went_on = judge(Found([accepted("a")], arrived, {}, discarded=decision), NOW)

    assert [v.fate for v in (*waits.verdicts, *went_on.verdicts)] == [Fate.WAITING, Fate.ARRIVED]


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_of_two_in_the_same_second_the_one_that_names_the_other_is_the_later(
    first: str, second: str
) -> None:
    again = accepted(second, f"{ORIGIN}{first}")

    assert fates(Found([again, accepted(first)], {}, {})) == {
        first: Fate.REDRIVEN,
        second: Fate.LOST,
    }


def test_what_was_sent_again_and_waits_still_is_not_said_to_be_sent_again_only() -> None:
    events = [accepted("a"), accepted("b", f"{ORIGIN}a")]

    assert fates(Found(events, {}, {"a": letter("a")}))["a"] is Fate.WAITING


def test_a_success_without_its_rows_is_a_loss() -> None:
    arrived = execution("a", "SUCCEEDED", LEAD)

    assert one(accepted("a"), arrived, contents=Contents(KEYS, ROWS)).is_whole
    report = one(
        accepted("a"), arrived, contents=Contents(KEYS, {**ROWS, "PARTNERS": {("1-9", "other"): 1}})
    )
    [verdict] = report.verdicts
    assert (verdict.fate, verdict.reason) == (Fate.LOST, "no row in PARTNERS")
    assert verdict.since == LONG_AGO + MINUTE


def test_what_another_execution_undid_waits_with_the_event_of_that_one() -> None:
    arrived = execution("a", "SUCCEEDED", LEAD)
    nothing = Contents(KEYS, {table: {} for table in KEYS})
    other = replace(letter("b"), event={"id": "b", "detail": LEAD})
    strangers = {
        name: replace(letter(name), event={"id": name, "detail": {**LEAD, "rut": rut}})
        for name, rut in {"c": "2-7", "d": "0-0"}.items()
    }

    waits = one(accepted("a"), arrived, contents=nothing, letters={**strangers, "b": other})
    lost = one(accepted("a"), arrived, contents=nothing, letters=strangers)

    assert [v.fate for v in waits.verdicts] == [Fate.WAITING]
    assert [v.fate for v in lost.verdicts] == [Fate.LOST]


def test_the_rows_of_a_smoke_test_were_removed_by_it() -> None:
    smoke = execution("a", "SUCCEEDED", {"rut": "000123456-0", "store": "smoke_test"})
    contents = Contents(KEYS, ROWS, lambda answer: answer["store"] == "smoke_test")

    assert one(accepted("a"), smoke, contents=contents).is_whole
    assert not one(accepted("a"), smoke, contents=Contents(KEYS, ROWS)).is_whole


def test_a_row_that_is_there_twice_is_told() -> None:
    report = one(
        accepted("a"),
        execution("a", "SUCCEEDED", LEAD),
        contents=Contents(KEYS, {**ROWS, "CLIENTS": {("1-9",): 2, ("2-7",): 0}}),
    )

    assert report.duplicated == [("CLIENTS", ("1-9",), 2)]
    assert not report.is_whole
    assert report.summary == ("1 accepted: 1 arrived, 0 waiting, 0 in flight, 0 lost, 1 duplicated")


def test_the_summary_says_how_it_stands() -> None:
    events = [accepted(str(number)) for number in range(1000)]
    executions = {str(number): [execution(str(number), "SUCCEEDED")] for number in range(990)}
    executions |= {str(number): [execution(str(number), "RUNNING")] for number in range(998, 1000)}
    letters = {str(number): letter(str(number)) for number in range(990, 998)}

    report = judge(Found(events, executions, letters), NOW)

    assert report.summary == "1,000 accepted: 990 arrived, 8 waiting, 2 in flight, 0 lost"
    assert json.loads(json.dumps(report.as_json()))["in_flight"] == 2


def test_a_line_of_the_log_that_tells_of_no_event_is_not_passed_over() -> None:
    assert not replace(one(accepted("a"), execution("a", "SUCCEEDED")), unreadable=1).is_whole


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-11-21T10:00Z", NOW - timedelta(hours=2)),
        ("2026-11-21T10:00", NOW - timedelta(hours=2)),
        ("2026-11-21T10:00+01:00", NOW - timedelta(hours=3)),
    ],
)
def test_a_moment_is_a_time_or_so_long_ago(text: str, value: datetime) -> None:
    assert moment(text, NOW) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2x",
        "-1h",
        "9999999d",
        "99999999999d",
        pytest.param(f"{'9' * 5000}d", id="5000 digits"),
    ],
)
def test_a_text_that_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(OperationError, match="not a time"):
        moment(text, NOW)


def test_a_moment_from_which_nothing_can_be_reckoned_is_refused() -> None:
    with pytest.raises(OperationError, match="before any event"):
        moment("0001-01-01", NOW)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({"source": ["kranio.event.crm"], "detail-type": ["CRM Registration"]}, True),
        ({"source": ["other", "kranio.event.crm"]}, True),
        ({"source": [{"prefix": "kranio."}]}, True),
        ({"source": [{"prefix": "other."}]}, False),
        ({"source": ["aaa"]}, False),
        ({"source": ["zzz"]}, False),
        ({"source": ["kranio.event.crm"], "detail-type": ["other"]}, False),
    ],
)
def test_the_rule_says_which_events_are_the_flows(pattern: dict[str, Any], fits: bool) -> None:
    event = accepted("a")
    assert matches(pattern, event.source, event.detail_type) is fits


@pytest.mark.parametrize(("bucket", "fits"), [("pictures", True), ("other", False)])
def test_a_rule_may_name_the_resources_of_its_events(bucket: str, fits: bool) -> None:
    pattern = {"source": ["aws.s3"], "resources": ["arn:aws:s3:::pictures"]}
    resources = ("flowbridge:event/1", f"arn:aws:s3:::{bucket}")

    assert matches(pattern, "aws.s3", "Object Created", resources) is fits


def test_a_rule_that_asks_for_what_the_log_does_not_hold_is_not_guessed_at() -> None:
    with pytest.raises(OperationError, match="detail"):
        matches({"detail": {"store": ["x"]}}, "s", "d")


def test_a_line_of_the_log_is_read_as_eventbridge_writes_it() -> None:
    line = (
        '{"id":"b","source":"s","detail_type":"d",'
        '"resources":"[flowbridge:event/a, arn:aws:states:::execution:m:1]"}'
    )

    at = NOW + timedelta(milliseconds=1)
    event = audited(line, int(at.timestamp() * 1000))

    assert event is not None
    assert (event.at, event.origin, len(event.resources)) == (at, "a", 2)
    decision = discarded('{"discarded":"b","by":"ana","reason":"r"}', int(at.timestamp() * 1000))
    assert decision == Discarded("b", at, "ana", "r")
    assert discarded(line, 0) is None
    assert audited('{"id":"b"broken"', 0) is None
    assert audited('{"id":"b"}', 0) is None


class StepFunctions:
    """The executions of one state machine, and what of them was asked for."""

    def __init__(self, *executions: Execution) -> None:
        self.executions = executions
        self.described: list[str] = []
        self.histories: list[str] = []

    def get_paginator(self, operation: str) -> StepFunctions:
        self.operation = operation
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        if self.operation == "list_executions":
            return [{"executions": [self.as_listed(e) for e in self.executions]}]
        self.histories.append(asked["executionArn"])
        entered = {"type": "FailStateEntered", "stateEnteredEventDetails": {"name": "Failed"}}
        return [{"events": [entered]}]

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803  boto3's
        self.described.append(executionArn)
        [found] = [e for e in self.executions if e.arn == executionArn]
        output = {"output": found.output} if found.output else {}
        return {**self.as_listed(found), "input": found.input, **output}

    @staticmethod
    def as_listed(execution: Execution) -> dict[str, Any]:
        listed = {
            "executionArn": execution.arn,
            "name": execution.name,
            "status": execution.status,
            "startDate": execution.started,
        }
        return listed | ({"stopDate": execution.stopped} if execution.stopped else {})


@pytest.fixture
def environment(aws: Callable[[str], Any]) -> Callable[..., Reconciliation]:
    """A bus's rule, its log and queues of moto; returns the reconciliation of some executions."""
    events, logs, sqs = aws("events"), aws("logs"), aws("sqs")
    events.create_event_bus(Name="bus")
    pattern = json.dumps({"source": ["kranio.event.crm"]})
    events.put_rule(Name="rule", EventBusName="bus", EventPattern=pattern)
    logs.create_log_group(logGroupName=LOG)
    logs.create_log_stream(logGroupName=LOG, logStreamName="one")
    urls = [sqs.create_queue(QueueName=n)["QueueUrl"] for n in ("failed", "undelivered", "audit")]

    def reconciliation(
        machine: StepFunctions, *ids: str, inspector: Inspector | None = None
    ) -> Reconciliation:
        lines = [
            {"id": i, "source": s, "detail_type": "d", "resources": "[]"}
            for s in ("kranio.event.crm", "another")
            for i in ([*ids] if s != "another" else ["not-ours"])
        ]
        logs.put_log_events(
            logGroupName=LOG,
            logStreamName="one",
            logEvents=[
                {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": json.dumps(x)}
                for x in lines
            ],
        )
        rule = Trigger(EVENT_RULE, "rule", "bus", urls[1])
        flow = Workflow("flow", MAIN, "bus", "arn:machine", urls[0], (rule,))
        return Reconciliation(
            lambda service: machine if service == "stepfunctions" else aws(service),
            flow,
            {"log_group": LOG, "queue_url": urls[2]},
            inspector,
        )

    return reconciliation


def recent(event: str, status: str, name: str | None = None, lead: Any = None) -> Execution:
    now = datetime.now(UTC)
    return replace(
        execution(event, status, lead), started=now, stopped=now, name=name or f"{event}_1"
    )


def test_each_success_is_compared_with_its_rows(
    environment: Callable[..., Reconciliation],
) -> None:
    """Only the output of an execution names its rows."""
    other = {"rut": "2-7", "store": "centre"}
    machine = StepFunctions(
        recent("a", "SUCCEEDED", lead=LEAD), recent("b", "SUCCEEDED", lead=other)
    )
    asked: list[set[str]] = []

    def look(executions: Iterable[Execution]) -> Contents:
        asked.append({(e.answer or {})["rut"] for e in executions})
        return Contents(KEYS, ROWS)

    report = environment(machine, "a", "b", inspector=Inspector(look)).report(
        LONG_AGO, lambda _: None
    )

    assert {v.event.id: (v.fate, v.reason) for v in report.verdicts} == {
        "a": (Fate.ARRIVED, ""),
        "b": (Fate.LOST, "no row in CLIENTS, PARTNERS, BENEFIT"),
    }
    assert not report.is_whole
    # A second search confirms that an event is lost.
    assert asked == [{"1-9", "2-7"}] * 2


def test_messages_that_another_process_reads_are_counted(
    aws: Callable[[str], Any], environment: Callable[..., Reconciliation]
) -> None:
    reconciliation, sqs = environment(StepFunctions()), aws("sqs")
    for name in ("failed", "failed", "undelivered"):
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], MessageBody="x")
    for name in ("failed", "undelivered"):
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        assert sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)["Messages"]

    assert reconciliation.report(LONG_AGO, lambda _: None).busy == 2


def test_the_output_of_an_execution_whose_results_name_it_is_not_read(
    environment: Callable[..., Reconciliation],
) -> None:
    """Results that do not name it, or are gone, are looked for by the output."""
    other = {"rut": "2-7", "store": "centre"}
    machine = StepFunctions(
        recent("a", "SUCCEEDED"),
        recent("b", "SUCCEEDED", lead=LEAD),
        recent("c", "SUCCEEDED", lead=other),
    )
    asked: list[list[str]] = []

    def complete(executions: Iterable[Execution]) -> set[str]:
        asked.append(sorted(execution.name for execution in executions))
        return {"a_1"}

    inspector = Inspector(lambda _: Contents(KEYS, ROWS), complete)
    report = environment(machine, "a", "b", "c", inspector=inspector).report(
        LONG_AGO, lambda _: None
    )

    assert {v.event.id: v.fate for v in report.verdicts} == {
        "a": Fate.ARRIVED,
        "b": Fate.ARRIVED,
        "c": Fate.LOST,
    }
    assert set(machine.described) == {"arn:b", "arn:c"}
    # The second search asks again: a row may have gone meanwhile.
    assert asked == [["a_1", "b_1", "c_1"]] * 2


def test_executions_are_found_by_name_and_described_only_where_that_tells_nothing(
    environment: Callable[..., Reconciliation],
) -> None:
    machine = StepFunctions(
        recent("a", "SUCCEEDED"), recent("b", "SUCCEEDED", "by-hand"), recent("c", "FAILED")
    )
    slept: list[float] = []

    report = environment(machine, "a", "b", "c", "c").report(LONG_AGO, slept.append)

    assert {v.event.id: v.fate for v in report.verdicts} == {
        "a": Fate.ARRIVED,
        "b": Fate.ARRIVED,
        "c": Fate.LOST,
    }
    assert set(machine.described) == {"arn:b"}
    # A second search confirms that an event is lost.
    assert slept == [SETTLE_SECONDS]


def test_who_starts_an_execution_himself_names_it_as_its_event(
    environment: Callable[..., Reconciliation],
) -> None:
    begun, waits = recent("doc-r1", "SUCCEEDED", "doc-r1"), recent("doc-r2", "FAILED", "doc-r2")
    by_hand = [recent(event, "SUCCEEDED", "by-hand") for event in ("another", "unknown")]
    since = datetime.now(UTC) - MINUTE
    earlier = replace(recent("old", "SUCCEEDED", "old"), started=since - timedelta(seconds=1))
    machine = StepFunctions(*by_hand, begun, waits, earlier)

    report = environment(machine, "a").report(since, lambda _: None)

    assert {v.event.at.microsecond for v in report.verdicts if v.event.id != "a"} == {0}

    assert {v.event.id: v.fate for v in report.verdicts} == {
        "a": Fate.IN_FLIGHT,
        "doc-r1": Fate.ARRIVED,
        "doc-r2": Fate.LOST,
    }


def test_an_event_in_a_queue_waits(
    environment: Callable[..., Reconciliation], aws: Callable[[str], Any]
) -> None:
    machine = StepFunctions(recent("a", "FAILED"), recent("b", "FAILED"))
    reconciliation, sqs = environment(machine, "a", "b"), aws("sqs")
    url = sqs.get_queue_url(QueueName="failed")["QueueUrl"]
    kept = {"failedState": "A", "error": {"name": "E"}, "execution": "arn:a"}
    for event in ({"id": "a", "source": "s", "detail-type": "d", "detail": {}}, {}, "a"):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({**kept, "event": event}))

    report = reconciliation.report(LONG_AGO, lambda _: None)

    assert {v.event.id: v.fate for v in report.verdicts} == {"a": Fate.WAITING, "b": Fate.LOST}
    assert report.busy == 0
    # Only what may be stuck is looked at more closely, twice.
    assert machine.histories == ["arn:b"] * 2


def test_what_ended_well_after_a_failure_is_not_stuck(
    environment: Callable[..., Reconciliation],
) -> None:
    machine = StepFunctions(
        recent("a", "SUCCEEDED"),
        recent("a", "FAILED"),
        recent("b", "RUNNING"),
        recent("b", "FAILED"),
    )

    report = environment(machine, "a", "b").report(LONG_AGO, lambda _: None)

    assert {v.event.id: v.fate for v in report.verdicts} == {
        "a": Fate.ARRIVED,
        "b": Fate.IN_FLIGHT,
    }
    assert machine.histories == []


def test_a_smoke_test_that_failed_lost_nobodys_event(
    environment: Callable[..., Reconciliation], aws: Callable[[str], Any]
) -> None:
    """It takes its own message out of the queue."""
    body = {"id": "d", "source": "s", "detail-type": "d", "resources": [SYNTHETIC]}
    url = aws("sqs").get_queue_url(QueueName="audit")["QueueUrl"]
    reconciliation = environment(StepFunctions(), "a")
    aws("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({**body, "detail": {}}))

    found = reconciliation.gather(datetime.now(UTC) - timedelta(minutes=1))

    assert {event.id for event in found.accepted} == {"a"}


def test_what_the_log_did_not_take_was_accepted_all_the_same(
    environment: Callable[..., Reconciliation], aws: Callable[[str], Any]
) -> None:
    body = {"id": "d", "source": "kranio.event.crm", "detail-type": "d", "resources": []}
    url = aws("sqs").get_queue_url(QueueName="audit")["QueueUrl"]
    reconciliation = environment(StepFunctions(), "a")
    aws("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({**body, "detail": {}}))

    found = reconciliation.gather(datetime.now(UTC) - timedelta(minutes=1))

    assert {event.id for event in found.accepted} == {"a", "d"}


def test_a_message_for_the_log_that_nobody_can_read_is_told(
    environment: Callable[..., Reconciliation], aws: Callable[[str], Any]
) -> None:
    url = aws("sqs").get_queue_url(QueueName="audit")["QueueUrl"]
    reconciliation = environment(StepFunctions(), "a")
    aws("sqs").send_message(QueueUrl=url, MessageBody="poison")

    found = reconciliation.gather(datetime.now(UTC) - timedelta(minutes=1))

    assert ({event.id for event in found.accepted}, found.unreadable) == ({"a"}, 1)


def test_what_was_accepted_before_the_time_does_not_count(
    environment: Callable[..., Reconciliation], aws: Callable[[str], Any]
) -> None:
    body = {"id": "d", "source": "kranio.event.crm", "detail-type": "d", "detail": {}}
    url = aws("sqs").get_queue_url(QueueName="audit")["QueueUrl"]
    reconciliation = environment(StepFunctions(), "a")
    aws("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(body))

    found = reconciliation.gather(datetime.now(UTC) + timedelta(minutes=1))

    assert found.accepted == []


def test_the_marks_of_the_time_before_are_read_too(
    environment: Callable[..., Reconciliation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This computer's clock may differ from that of AWS."""
    begins: list[datetime] = []

    def queued(_: Any, __: str, begin: datetime) -> set[str]:
        begins.append(begin)
        return {"arn:a_1"}

    monkeypatch.setattr("ops.recovery.marks.queued", queued)
    reconciliation = environment(StepFunctions(recent("a", "FAILED")), "a")
    since = datetime.now(UTC) - MINUTE

    found = reconciliation.gather(since)

    assert found.letters == {}
    assert begins == [since - CLOCKS]
