"""The commands of what waits and of what was lost see every flow, or the one that is named."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ops.aws.pace import Pace
from ops.cli.main import app
from ops.context import Context
from ops.errors import OperationError
from ops.executions.watch import SHOWN
from ops.flow import Workflow
from tests.support.outputs import flow as output
from tests.support.outputs import workflow

GROUP = "/aws/events/bus-audit"
ONE, OTHER = "order_intake", "order_returns"
ROLE = "arn:aws:iam::123456789012:role/machine"
#: The history of each execution of moto visits this state.
MACHINE = json.dumps({"StartAt": "A State", "States": {"A State": {"Type": "Pass", "End": True}}})


@dataclass
class Environment:
    """Two flows of an environment of moto, and the commands that an operator types there."""

    client: Callable[[str], Any]
    outputs: dict[str, Any]
    pace: Pace

    def failed(self, flow: str) -> str:
        """Return the URL of a flow's queue of failed events."""
        return self.workflow(flow).failed_queue_url

    def undelivered(self, flow: str) -> str:
        """Return the URL of a flow's queue of undelivered events."""
        [url] = self.workflow(flow).undelivered_queue_urls
        return url

    def workflow(self, flow: str) -> Workflow:
        """Return a flow's workflow."""
        return Workflow.from_outputs(self.outputs, flow)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    def accepted(self, flow: str) -> None:
        """Add an event to the audit log that exists nowhere else."""
        line = {"id": f"event-of-{flow}", "source": flow, "detail_type": "d", "resources": "[]"}
        at = datetime.now(UTC) - timedelta(minutes=10)
        self.client("logs").put_log_events(
            logGroupName=GROUP,
            logStreamName="one",
            logEvents=[{"timestamp": int(at.timestamp() * 1000), "message": json.dumps(line)}],
        )

    def queued(self, url: str, body: str | None = None) -> str:
        """Put an undelivered event, or something else, into a queue; return its message's id."""
        event = {"id": "event", "source": ONE, "detail-type": "d", "detail": {}}
        answer = self.client("sqs").send_message(
            QueueUrl=url, MessageBody=body or json.dumps(event)
        )
        identifier: str = answer["MessageId"]
        return identifier

    def started(self, flow: str, name: str) -> None:
        """Start an execution of a flow."""
        self.client("stepfunctions").start_execution(
            stateMachineArn=self.workflow(flow).state_machine_arn, name=name
        )

    def count(self, url: str) -> int:
        """Return how many messages a queue holds."""
        name = "ApproximateNumberOfMessages"
        answer = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(answer["Attributes"][name])


@pytest.fixture
def environment(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Environment:
    def queue(name: str) -> str:
        url: str = aws("sqs").create_queue(QueueName=name)["QueueUrl"]
        return url

    def machine(flow: str) -> str:
        answer = aws("stepfunctions").create_state_machine(
            name=flow, definition=MACHINE, roleArn=ROLE
        )
        arn: str = answer["stateMachineArn"]
        return arn

    aws("events").create_event_bus(Name="bus")
    for flow in (ONE, OTHER):
        pattern = json.dumps({"source": [flow]})
        aws("events").put_rule(Name=flow, EventBusName="bus", EventPattern=pattern)
    aws("logs").create_log_group(logGroupName=GROUP)
    aws("logs").create_log_stream(logGroupName=GROUP, logStreamName="one")
    outputs = {
        "event_bus_name": "bus",
        "flows": {
            name: output(
                workflow(machine(name), queue(f"{name}-failed"), queue(f"{name}-undelivered"), name)
            )
            for name in (ONE, OTHER)
        },
        "event_audit": {"log_group": GROUP, "queue_url": queue("audit")},
    }
    pace = Pace(None)
    context = SimpleNamespace(
        aws=SimpleNamespace(client=aws, calls=pace, environment="local"),
        terraform=SimpleNamespace(outputs=lambda: outputs),
    )
    monkeypatch.setattr(Context, "reachable", lambda _: context)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return Environment(aws, outputs, pace)


def test_what_any_flow_lost_is_told(environment: Environment) -> None:
    environment.accepted(OTHER)

    every, one = environment.run("reconcile"), environment.run("reconcile", "--flow", ONE)
    other = environment.run("reconcile", "--flow", OTHER)

    assert (every.exit_code, one.exit_code, other.exit_code) == (1, 0, 1)
    first, second = every.output.split(OTHER, maxsplit=1)
    assert ONE in first
    assert "0 accepted" in first
    assert "1 lost" in second


def test_a_flow_whose_callers_wait_has_no_events_to_reconcile(environment: Environment) -> None:
    express = {**workflow(), "triggers": {}, "type": "EXPRESS", "log_group_name": "log"}
    environment.outputs["flows"]["prices"] = output(express)

    every, one = environment.run("reconcile"), environment.run("reconcile", "--flow", "prices")

    assert every.exit_code == 0
    assert "No events: its callers wait for the answers." in every.output
    assert every.output.count("accepted") == 2
    assert isinstance(one.exception, OperationError)
    assert str(one.exception).startswith("prices has no events to reconcile")
    assert "prices" not in json.loads(environment.run("reconcile", "--json").output)


def test_an_express_workflow_that_a_rule_starts_has_events() -> None:
    express = {**workflow(), "type": "EXPRESS", "log_group_name": "log"}
    outputs = {"event_bus_name": "bus", "flows": {"prices": output(express)}}

    assert Workflow.from_outputs(outputs, "prices").has_events


def test_a_machine_reads_the_reports_by_flow_or_that_of_one(environment: Environment) -> None:
    environment.accepted(OTHER)

    every = json.loads(environment.run("reconcile", "--json").output)
    one = json.loads(environment.run("reconcile", "--json", "--flow", OTHER).output)

    assert {name: report["lost"] for name, report in every.items()} == {ONE: 0, OTHER: 1}
    assert one == every[OTHER]


def test_each_queue_is_listed_below_its_flow_and_that_of_the_audit_log(
    environment: Environment,
) -> None:
    ids = [
        environment.queued(environment.failed(ONE), "poison"),
        environment.queued(environment.undelivered(OTHER)),
        environment.queued(environment.outputs["event_audit"]["queue_url"]),
    ]

    every = environment.run("dead-letters").output
    other = environment.run("dead-letters", "--flow", OTHER).output
    last = environment.run("dead-letters", "--message", ids[2]).output

    seen = [every.index(text) for text in (ONE, ids[0][:13], OTHER, ids[1][:13])]
    seen += [every.index(text) for text in ("audit log", ids[2][:13])]
    assert seen == sorted(seen)
    assert [x[:13] in other for x in ids] == [False, True, False]
    assert json.loads(last)["id"] == "event"


def test_what_is_selected_goes_on_in_every_flow_or_in_one(environment: Environment) -> None:
    undelivered = [environment.undelivered(name) for name in (ONE, OTHER)]
    audit = environment.outputs["event_audit"]["queue_url"]
    for url in (*undelivered, audit):
        environment.queued(url)

    one = environment.run("redrive", "--state", "EventBridge", "--flow", ONE)
    assert [environment.count(url) for url in (*undelivered, audit)] == [0, 1, 1]
    every = environment.run("redrive", "--state", "EventBridge")

    assert "1 redriven, 0 left" in one.output
    assert "2 redriven, 0 left" in every.output
    assert [environment.count(url) for url in (*undelivered, audit)] == [0, 0, 0]
    assert isinstance(environment.run("redrive").exception, OperationError)


def test_dead_letters_of_a_work_queue_are_listed_and_sent_back(environment: Environment) -> None:
    sqs = environment.client("sqs")
    work, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("work", "work-dead"))
    environment.outputs["flows"][ONE]["consumers"] = {
        "work": {
            "kind": "queue",
            "name": "work",
            "queue_url": work,
            "dead_letter_queue_url": dead,
        }
    }
    message = environment.queued(dead, "a recording")
    listed = environment.run("dead-letters").output
    redriven = environment.run("redrive", "--message", message, "--flow", ONE)

    assert listed.index(ONE) < listed.index(message[:13]) < listed.index(OTHER)
    assert "unprocessed" in listed
    assert redriven.exit_code == 0
    assert (environment.count(work), environment.count(dead)) == (1, 0)


def test_what_a_helper_of_a_flow_could_not_deliver_goes_back_to_where_it_came_from(
    environment: Environment,
) -> None:
    sqs, sns, events = map(environment.client, ("sqs", "sns", "events"))
    names = ("helper-undelivered", "topic-undelivered", "replies", "seen")
    rule_queue, topic_queue, replies, seen = (
        sqs.create_queue(QueueName=name)["QueueUrl"] for name in names
    )

    def arn(url: str) -> str:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])

    topic = sns.create_topic(Name="replies")["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn(replies), Attributes=raw)
    # Rules of helpers are on the default bus, where AWS publishes.
    events.put_rule(Name="helper", EventPattern=json.dumps({"source": ["redriven.aws.states"]}))
    events.put_targets(Rule="helper", Targets=[{"Id": "seen", "Arn": arn(seen)}])
    environment.outputs["flows"][ONE]["triggers"] = {
        "stopped": {
            "kind": "event_rule",
            "name": "helper",
            "event_bus_name": "default",
            "undelivered_queue_url": rule_queue,
        },
        "replies": {
            "kind": "topic",
            "name": "replies",
            "arn": topic,
            "undelivered_queue_url": topic_queue,
        },
    }
    event = {"id": "event", "source": "aws.states", "detail-type": "d", "detail": {}}
    ids = [
        environment.queued(rule_queue, json.dumps(event)),
        environment.queued(topic_queue, "an answer"),
    ]

    listed = environment.run("dead-letters", "--flow", ONE).output
    redriven = environment.run("redrive", "--all", "--flow", ONE)

    assert all(identifier[:13] in listed for identifier in ids)
    assert "unreceived" in listed
    assert redriven.exit_code == 0, redriven.output
    [reply] = sqs.receive_message(QueueUrl=replies)["Messages"]
    assert reply["Body"] == "an answer"
    counts = [environment.count(url) for url in (rule_queue, topic_queue, seen)]
    assert counts == [0, 0, 1]


def test_events_of_aws_that_did_not_reach_the_bus_are_listed_and_redriven(
    environment: Environment,
) -> None:
    url = environment.client("sqs").create_queue(QueueName="forwarding")["QueueUrl"]
    environment.outputs["aws_events"] = {"undelivered_queue_url": url}
    event = {"id": "event", "source": "aws.s3", "detail-type": "Object Created", "detail": {}}
    message = environment.queued(url, json.dumps(event))

    listed = environment.run("dead-letters").output
    redriven = environment.run("redrive", "--message", message)

    assert listed.index("events of AWS") < listed.index(message[:13])
    assert redriven.exit_code == 0
    assert environment.count(url) == 0


def test_a_redrive_tells_by_its_exit_code_whether_all_went_on(environment: Environment) -> None:
    url = environment.failed(ONE)
    environment.queued(url, "poison")

    nothing = environment.run("redrive", "--error", "NoSuchError")
    left = environment.run("redrive", "--all")
    dry = environment.run("redrive", "--all", "--dry-run")

    assert isinstance(nothing.exception, OperationError)
    assert "No dead letter matches" in str(nothing.exception)
    assert "0 redriven, 1 left" in left.output
    assert (left.exit_code, dry.exit_code) == (1, 0)


def test_a_message_is_taken_out_when_its_operator_agrees(environment: Environment) -> None:
    url = environment.failed(OTHER)
    message, kept = environment.queued(url, "poison"), environment.queued(url)

    arguments = ["discard", "--reason", "settled by hand", "--message"]
    asked = environment.run(*arguments, message)
    assert isinstance(asked.exception, OperationError)
    assert "CONFIRM=yes" in asked.exception.action
    assert environment.count(url) == 2
    unknown = environment.run(*arguments, "unknown", "--yes")
    assert isinstance(unknown.exception, OperationError)
    taken = environment.run(*arguments, message[:13], "--yes")

    assert taken.exit_code == 0
    assert f"{message} is deleted" in taken.output
    left = environment.run("dead-letters", "--flow", OTHER).output
    assert (message[:13] in left, kept[:13] in left) == (False, True)


def test_who_deletes_a_message_says_why_and_reconcile_tells_it(environment: Environment) -> None:
    environment.accepted(OTHER)
    event = {"id": f"event-of-{OTHER}", "source": OTHER, "detail-type": "d", "detail": {}}
    url = environment.undelivered(OTHER)
    message = environment.queued(url, json.dumps(event))
    waits = environment.run("reconcile", "--flow", OTHER)

    empty = environment.run("discard", "--message", message, "--reason", " ", "--yes")
    left = environment.count(url)
    environment.run("discard", "--message", message, "--reason", "settled by hand", "--yes")
    report = environment.run("reconcile", "--flow", OTHER)
    [verdict] = json.loads(environment.run("reconcile", "--flow", OTHER, "--json").output)["events"]

    assert "1 waiting" in waits.output
    assert ("The reason is empty" in str(empty.exception), left) == (True, 1)
    assert (report.exit_code, "1 discarded" in report.output) == (0, True)
    assert (verdict["fate"], verdict["reason"]) == ("discarded", "settled by hand")
    user = environment.client("sts").get_caller_identity()["Arn"]
    assert verdict["place"] == f"by {user}"


def test_a_message_stays_when_the_log_takes_no_record(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = environment.undelivered(OTHER)
    message = environment.queued(url)
    monkeypatch.setattr("ops.cli.recovery.write_discarded", lambda *_: False)

    refused = environment.run("discard", "--message", message, "--reason", "by hand", "--yes")

    assert "nothing was deleted" in str(refused.exception)
    assert environment.count(url) == 1


def test_events_that_no_flow_takes_are_told(environment: Environment, tmp_path: Path) -> None:
    for source in (ONE, "unknown", f"flowbridge.{ONE}"):
        environment.accepted(source)
    file = tmp_path / "events.jsonl"
    lines = [{"source": s, "detail-type": "d", "detail": {}} for s in ("unknown", ONE, "unknown")]
    file.write_text("\n".join(map(json.dumps, lines)))

    sent = environment.run("send", str(file)).output
    every, one = environment.run("reconcile").output, environment.run("reconcile", "--flow", ONE)

    assert "No flow takes events of source 'unknown' and detail-type 'd' (line 1, 3)." in sent
    assert sent.count("No flow takes") == 1
    assert "1 accepted events of source 'unknown' and detail-type 'd' are taken by no flow" in every
    assert every.count("taken by no flow") == 1
    # Other flows may take them.
    assert "taken by no flow" not in one.output


@pytest.mark.parametrize(
    "command",
    [("dead-letters",), ("redrive", "--all"), ("reconcile",), ("report", "--out")],
    ids=lambda command: command[0],
)
def test_a_command_of_many_calls_says_how_many(
    environment: Environment, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = [str(tmp_path / "report.html")] if command[-1] == "--out" else []
    few = environment.run(*command, *file)
    environment.pace.calls["DescribeExecution"] += 1000
    many = environment.run(*command, *file)

    assert "AWS calls in" not in few.output
    assert re.search(r"1,\d\d\d AWS calls in .*: DescribeExecution 1,000", many.output), many.output


def test_executions_of_every_flow_are_shown_or_those_of_one(environment: Environment) -> None:
    environment.started(ONE, "mango")
    environment.started(OTHER, "papaya")

    every = environment.run("watch").output
    one = environment.run("watch", "--flow", ONE).output

    rows = [line.split()[:2] for line in every.splitlines()]
    assert [row for row in rows if row[0] in (ONE, OTHER)] == [[OTHER, "papaya"], [ONE, "mango"]]
    assert ("mango" in one, "papaya" in one, OTHER in one) == (True, False, False)


def test_more_executions_than_are_shown_are_announced(environment: Environment) -> None:
    for number in range(SHOWN):
        environment.started(ONE, f"number-{number}")
    all_of_them = environment.run("watch").output
    environment.started(OTHER, "one-more")

    cut = environment.run("watch").output

    assert ("number-0" in all_of_them, "older executions" in all_of_them) == (True, False)
    assert ("number-0" in cut, "older executions: make report" in cut) == (False, True)


def test_an_execution_is_found_in_whatever_flow_it_is(environment: Environment) -> None:
    environment.started(ONE, "mango")
    environment.started(OTHER, "papaya")

    assert "papaya" in environment.run("watch", "--execution", "pap", "--once").output
    nowhere = environment.run("watch", "--execution", "pap", "--flow", ONE).exception
    assert "No executions have a name that begins with 'pap'" in str(nowhere)


def test_events_are_sent_to_the_bus_whatever_flow_takes_them(
    environment: Environment, tmp_path: Path
) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"source": "s", "detail-type": "d", "detail": {}}))

    assert "1 sent, 0 not sent" in environment.run("send", str(file)).output
    unknown = environment.run("send", str(file), "--flow", "unknown").exception
    assert "no flow 'unknown'" in str(unknown)


def test_events_are_sent_at_the_rate_that_was_asked_for(
    environment: Environment, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    event = json.dumps({"source": "s", "detail-type": "d", "detail": {}})
    file.write_text(f"{event}\n" * 21)
    begin = time.monotonic()

    sent = environment.run("send", str(file), "--rate", "50")

    assert "21 sent, 0 not sent" in sent.output
    # Two pauses: after each ten.
    assert time.monotonic() - begin >= 0.4
