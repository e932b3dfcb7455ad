"""The report: what it counts, how it masks, and that nothing in it can run."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from ops.cli.text import write_privately
from ops.executions.executions import Execution, StateRun, Status
from ops.local import mariadb_server
from ops.recovery.dead_letters import FAILED, DeadLetter
from ops.recovery.stuck import STUCK
from ops.report.gather import gather
from ops.report.graph import Edge, Graph
from ops.report.masking import MASK, masked
from ops.report.model import MOST_BARS, FlowReport, Visit, percentile
from ops.report.page import render
from tests.support.outputs import flow as outputs_of
from tests.support.outputs import workflow

if TYPE_CHECKING:
    from ops.aws.clients import Aws

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DEFINITION: dict[str, Any] = {
    "StartAt": "First",
    "States": {
        "First": {
            "Type": "Task",
            "Next": "Second",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "CatchErrors"}],
        },
        "Second": {
            "Type": "Task",
            "End": True,
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "CatchErrors"}],
        },
        "CatchErrors": {"Type": "Task", "Next": "Failed"},
        "Failed": {"Type": "Fail"},
    },
}
EVENT = {
    "id": "event-1",
    "detail-type": "CRM Registration",
    "detail": {"name": "Camila", "rut": "9891283-0", "phone": 56983747263, "new": "Camila"},
}


def visit(number: int, status: str = "SUCCEEDED", begin: datetime = NOW) -> Visit:
    execution = Execution(
        arn=f"arn:{number}",
        name=f"execution-{number}",
        status=status,
        started=begin,
        stopped=begin + timedelta(seconds=3),
    )
    run = StateRun("First", begin, json.dumps(EVENT), Status.SUCCEEDED)
    run.exited = begin + timedelta(seconds=number)
    run.output = json.dumps({"name": "Camila"})
    return Visit(execution, [run])


def letter(cause: str = "no answer") -> DeadLetter:
    return DeadLetter(
        queue=FAILED,
        message_id="0123456789abcdef",
        receipt="",
        since=NOW - timedelta(hours=3),
        state="First",
        error="CrmUnavailable",
        cause=cause,
        execution="arn:1",
        event=EVENT,
    )


def report(*visits: Visit, letters: tuple[DeadLetter, ...] = ()) -> FlowReport:
    return FlowReport("order_intake", Graph.of(DEFINITION), visits, letters)


def page(flow: FlowReport, *, personal: bool = False) -> str:
    return render("dev", [flow], NOW, personal=personal)


def test_states_stand_below_what_leads_to_them() -> None:
    graph = Graph.of(DEFINITION)

    layers = {node.name: node.layer for node in graph.nodes}
    assert layers == {"First": 0, "Second": 1, "CatchErrors": 2, "Failed": 3}
    assert Edge("First", "CatchErrors", caught=True) in graph.edges
    assert Edge("First", "Second", caught=False) in graph.edges


def test_branches_stand_side_by_side_and_loops_end() -> None:
    branch = {"StartAt": "A", "States": {"A": {"Type": "Task", "End": True}}}
    other = {"StartAt": "B", "States": {"B": {"Type": "Task", "End": True}}}
    graph = Graph.of(
        {
            "StartAt": "Both",
            "States": {
                "Both": {"Type": "Parallel", "Branches": [branch, other], "Next": "Poll"},
                "Poll": {"Type": "Choice", "Choices": [{"Next": "Wait"}], "Default": "Done"},
                "Wait": {"Type": "Wait", "Next": "Poll"},
                "Done": {"Type": "Succeed"},
            },
        }
    )

    places = {node.name: (node.layer, node.place) for node in graph.nodes}
    assert Edge("A", "Poll", caught=False) in graph.edges
    assert Edge("Both", "Poll", caught=False) not in graph.edges
    assert places["Poll"][0] == places["A"][0] + 1
    assert places["A"][0] == places["B"][0] == places["Both"][0] + 1
    assert len(set(places.values())) == len(places)


def test_a_branch_is_a_column_and_what_comes_after_stands_below_the_longest() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Kept"}]
    task = {"Type": "Task", "Catch": catch, "End": True}
    long = {"StartAt": "A", "States": {"A": task, "Kept": {"Type": "Pass", "End": True}}}
    other = {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": True}}}
    definition = {
        "StartAt": "Both",
        "States": {
            "Both": {"Type": "Parallel", "Branches": [long, other], "Next": "After"},
            "After": {"Type": "Pass", "End": True},
        },
    }

    graph = Graph.of(definition)

    assert {node.name: (node.layer, node.place) for node in graph.nodes} == {
        "Both": (0, 0),
        "A": (1, 0),
        "Kept": (2, 0),
        "B": (1, 1),
        "After": (3, 0),
    }
    assert {(e.source, e.target) for e in graph.edges if e.target == "After"} == {
        ("A", "After"),
        ("Kept", "After"),
        ("B", "After"),
    }


def test_executions_are_counted_over_time_without_gaps() -> None:
    flow = report(
        visit(1),
        visit(2, "FAILED", NOW + timedelta(seconds=25)),
        visit(3, begin=NOW + timedelta(seconds=26)),
    )

    assert [dict(bar.counts) for bar in flow.bars()] == [
        {"SUCCEEDED": 1},
        {},
        {"FAILED": 1, "SUCCEEDED": 1},
    ]
    assert flow.counts == {"SUCCEEDED": 2, "FAILED": 1}


@pytest.mark.parametrize("days", [0, 1, 6, 40, 400])
def test_there_are_never_more_bars_than_one_can_see(days: int) -> None:
    flow = report(visit(1), visit(2, begin=NOW + timedelta(days=days)))

    assert 1 <= len(flow.bars()) <= max(MOST_BARS, days // 7 + 1)
    assert sum(bar.total for bar in flow.bars()) == 2


def test_how_long_a_state_takes() -> None:
    [row] = report(*(visit(number) for number in range(1, 101))).durations

    assert (row.state, row.count, row.p50, row.p95, row.longest) == ("First", 100, 50, 95, 100)
    assert percentile([7], 50) == 7


def test_personal_data_are_masked_also_in_fields_that_nobody_knows() -> None:
    text = masked(json.dumps(EVENT))

    assert json.loads(text) == {
        "id": "event-1",
        "detail-type": "CRM Registration",
        "detail": {"name": MASK, "rut": MASK, "phone": MASK, "new": MASK},
    }
    assert masked("Camila is no JSON") == MASK


def test_no_name_of_a_persons_own_field_lets_its_value_through() -> None:
    names = ["message", "id", "type", "source", "error", "cause", "version", "resources"]
    person = dict.fromkeys(names, "Camila")
    event = {"id": "event-1", "source": "web", "detail-type": "t", "resources": ["arn"]}
    failure = {
        "failedState": "First",
        "error": {"Error": "InvalidLead", "Cause": "Camila is no RUT"},
        "event": {**event, "detail": person, "more": "Camila"},
    }

    for value in (person, [person], {"lead": person}, {**event, "id": person, "detail": person}):
        assert "Camila" not in masked(json.dumps(value))
    assert json.loads(masked(json.dumps({**failure, "messageId": "m"}))) == {
        "failedState": "First",
        "error": {"Error": "InvalidLead", "Cause": MASK},
        "event": {**event, "detail": dict.fromkeys(names, MASK), "more": MASK},
        "messageId": "m",
    }


def test_what_cannot_be_gone_through_is_masked_whole() -> None:
    # Some libraries raise it.
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    try:
        assert masked("[" * 900 + "]" * 900) == MASK
    finally:
        sys.setrecursionlimit(before)


def test_causes_are_shown_only_when_asked() -> None:
    failed = visit(1, "FAILED")
    failed.runs[0].cause = "Camila is no RUT"
    flow = report(failed, letters=(letter("Camila is no RUT"),))

    assert "is no RUT" not in page(flow)
    assert page(flow, personal=True).count("Camila is no RUT") == 2


def test_times_name_their_zone_once_a_table() -> None:
    text = page(report(visit(1)))

    assert "Executions over time (UTC)" in text
    assert "Executions (times in UTC)" in text


def test_the_page_shows_personal_data_only_when_asked() -> None:
    flow = report(visit(1), letters=(letter(),))

    assert "Camila" not in page(flow)
    assert "Personal data are masked" in page(flow)
    assert "Camila" in page(flow, personal=True)


def test_a_dead_letter_comes_with_the_command_that_sends_it_again() -> None:
    text = page(report(letters=(letter(),)))

    assert "make redrive ENV=dev FLOW=order_intake MESSAGE=0123456789abc" in text
    assert "3 h" in text


def test_a_page_that_lacks_executions_says_so() -> None:
    flow = report(visit(1), visit(2))

    assert "more than 2 executions" in page(replace(flow, is_cut=True))
    assert "more than" not in page(flow)


def test_the_cause_of_a_stuck_execution_is_as_personal_as_its_input() -> None:
    flow = report(letters=(replace(letter("Camila's lead"), queue=STUCK),))

    assert "Camila" not in page(flow)
    assert "CrmUnavailable" in page(flow)
    assert "Camila" in page(flow, personal=True)


class StepFunctions:
    """Executions that began a second apart, the newest first; one is stuck."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.operation = ""

    def get_paginator(self, operation: str) -> StepFunctions:
        self.operation = operation
        return self

    def paginate(self, statusFilter: str = "", **_: Any) -> list[dict[str, Any]]:  # noqa: N803  boto3's
        if self.operation == "get_execution_history":
            entered = {
                "id": 1,
                "type": "TaskStateEntered",
                "timestamp": NOW,
                "stateEnteredEventDetails": {"name": "CatchErrors", "input": "{}"},
            }
            return [{"events": [entered]}]
        numbers = {"": range(self.count), "ABORTED": [0]}.get(statusFilter, [])
        return [{"executions": [self.execution(number) for number in numbers]}]

    def execution(self, number: int) -> dict[str, Any]:
        began = NOW - timedelta(seconds=number)
        return {
            "executionArn": f"arn:{number}",
            "name": f"execution-{number}",
            "status": "SUCCEEDED" if number else "ABORTED",
            "startDate": began,
            "stopDate": began,
        }

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803  boto3's
        number = int(executionArn.partition(":")[2])
        return {**self.execution(number), "input": json.dumps(EVENT)}

    def describe_state_machine(self, **_: Any) -> dict[str, Any]:
        return {"definition": json.dumps(DEFINITION)}


@pytest.mark.parametrize(("most", "is_cut"), [(2, True), (3, False)])
def test_the_newest_are_gathered_and_what_is_stuck_beside_the_dead_letters(
    aws: Callable[[str], Any], most: int, is_cut: bool
) -> None:
    urls = [aws("sqs").create_queue(QueueName=name)["QueueUrl"] for name in ("failed", "other")]
    machine = StepFunctions(4)
    outputs = {
        "event_bus_name": "bus",
        "flows": {"flow": outputs_of(workflow("arn:machine", *urls))},
    }
    environment = SimpleNamespace(
        client=lambda service: machine if service == "stepfunctions" else aws(service)
    )
    # One second too early for the oldest of them.
    since = NOW - timedelta(seconds=2)

    [flow] = gather(cast("Aws", environment), outputs, since, most, NOW)

    assert [v.execution.name for v in flow.visits] == [f"execution-{n}" for n in range(most)]
    assert flow.is_cut is is_cut
    assert [(x.queue, x.message_id) for x in flow.dead_letters] == [(STUCK, "execution-0")]


def test_nothing_of_an_event_becomes_markup() -> None:
    evil = '<script>alert(1)</script><img src=x onerror="alert(1)">'
    bad = visit(1)
    bad.runs[0].input = json.dumps({"id": evil, "detail": {"name": evil}})

    text = page(report(bad, letters=(letter(evil),)), personal=True)

    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text


def test_no_identifier_occurs_twice_on_a_page() -> None:
    text = page(report(visit(1), visit(2)))

    assert text.count("<svg") > 2
    identifiers = re.findall(r'\bid="([^"]+)"', text)
    assert identifiers == ["tip"]
    assert set(re.findall(r"url\(#([^)]+)\)", text)) == set(identifiers)


@pytest.mark.parametrize("minutes", [0, 90])
def test_the_ends_of_the_axis_are_different_times(minutes: int) -> None:
    flow = report(visit(1), visit(2, begin=NOW + timedelta(minutes=minutes)))
    [chart] = re.findall(r"Executions over time \(UTC\).*?</svg>", page(flow), re.DOTALL)

    ends = re.findall(r'y="170"[^>]*>([^<]+)<', chart)
    assert ends[0] == "2026-11-21 12:00:00"
    assert len(ends) == len(set(ends)) == (2 if minutes else 1)


def test_the_page_fetches_nothing_and_runs_nothing() -> None:
    text = page(report(visit(1), visit(2, "FAILED")))

    assert "default-src 'none'" in text
    assert not re.search(r"<script|<iframe|<object|\son\w+=|https?://|//[a-z]", text)


def test_a_flow_without_executions_has_its_picture() -> None:
    text = page(report())

    assert "There were none in this time" in text
    assert "CatchErrors" in text


@pytest.mark.parametrize("write", [write_privately, mariadb_server.write_privately])
def test_the_file_is_its_owners_alone(tmp_path: Path, write: Callable[[Path, str], None]) -> None:
    new, known = tmp_path / "new", tmp_path / "known"
    known.write_text("of before, and longer")
    known.chmod(0o644)

    for file in (new, known):
        write(file, "x")

        assert file.read_text() == "x"
        assert file.stat().st_mode & 0o777 == 0o600
