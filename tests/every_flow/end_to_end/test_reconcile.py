"""Every event that the bus accepted is accounted for; one that is missing is found."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ops.executions.events import MAX_BYTES
from ops.executions.executions import Executions
from ops.recovery import dead_letters
from tests.support.expectations import Events
from tests.support.platform import Run, wait_for
from tests.support.running import RunningFlow


def first_state(running: RunningFlow) -> str:
    """Return the state that events come to first."""
    name: str = running.executions.definition()["StartAt"]
    return name


def last_state(running: RunningFlow) -> str:
    """Return the state in which failures end."""
    name: str = running.executions.definition()["States"]["CatchErrors"]["Next"]
    return name


def texts_of(value: Any) -> list[str]:
    """Return the long words and numbers in an event's detail."""
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in texts_of(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts_of(one)]
    return re.findall(r"\w{5,}", str(value))


def now() -> str:
    """Return the time as SINCE takes it, at a second in which nothing was accepted yet."""
    time.sleep(1)
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reconciled(running: RunningFlow, since: str) -> tuple[Run, dict[str, Any]]:
    """Return what ``make reconcile`` says, and the fate of each event by its id."""
    run = running.make("-s", "reconcile", f"FLOW={running.name}", f"SINCE={since}", "JSON=yes")
    # When it fails, make adds a line of its own.
    assert "{" in run.text, run.text
    report, _ = json.JSONDecoder().raw_decode(run.text[run.text.index("{") :])
    # By workflow, if the flow has several.
    report = report.get(running.name, report)
    return run, {event["event"]: event for event in report["events"]}


def undelivered(running: RunningFlow, detail: Mapping[str, Any]) -> str:
    """Publish an event that its rule may not deliver; return its id once it is a dead letter."""
    rule, bus = running.flow.rules[0], running.flow.event_bus_name
    url = rule.undelivered_queue_url
    assert url
    targets = running.aws.client("events").list_targets_by_rule(Rule=rule.name, EventBusName=bus)
    [target] = targets["Targets"]
    with running.role_without(target["RoleArn"].rpartition("/")[2], "StartExecution"):
        [event] = running.publish(detail)

        def is_queued() -> bool:
            letters = dead_letters.look(running.aws.client("sqs"), dead_letters.UNDELIVERED, url)
            return event in [letter.event["id"] for letter in letters if letter.event]

        wait_for(is_queued, f"event {event} among the dead letters of {rule.name}", 30)
    return event


def message_of(running: RunningFlow, event: str) -> str:
    """Return the id of the message in which an event waits."""
    executions = Executions(running.aws.client("stepfunctions"), running.flow.state_machine_arn)
    letters = [
        dead_letters.whole(letter, executions.event)
        for queue, url in running.flow.queues
        for letter in dead_letters.look(running.aws.client("sqs"), queue, url)
    ]
    [found] = [x.message_id for x in letters if x.event and x.event["id"] == event]
    return found


def redriven(running: RunningFlow, event: str) -> str:
    """Send the message of an event again; return its new event."""
    run = running.make("redrive", f"MESSAGE={message_of(running, event)}")
    assert "1 redriven, 0 left" in run.text
    return run.text.split("as event ")[1].split()[0]


def test_nothing_is_lost_until_somebody_takes_it_away(running: RunningFlow, events: Events) -> None:
    since = now()
    # As large as Step Functions accepts, including the history that a redrive adds.
    large = {**events.bad(running), "more": ""}
    large["more"] = "x" * (MAX_BYTES - 1500 - len(json.dumps(large)))
    good, bad = running.publish(events.good(running), large)
    kept = undelivered(running, events.good(running))
    for event in (good, bad):
        running.ended(event)

    run, fates = reconciled(running, since)

    assert run.code == 0, run.text
    assert {event: fate["fate"] for event, fate in fates.items()} == {
        good: "arrived",
        bad: "waiting",
        kept: "waiting",
    }
    assert (fates[bad]["place"], fates[bad]["reason"]) == (
        "failed",
        f"{events.error} in {first_state(running)}",
    )
    assert fates[kept]["reason"] == "NO_PERMISSIONS in EventBridge"

    again_bad, again_kept = redriven(running, bad), redriven(running, kept)
    execution, _ = running.ended(again_bad)
    running.ended(again_kept)
    run, fates = reconciled(running, since)

    assert run.code == 0, run.text
    assert {event: fate["fate"] for event, fate in fates.items()} == {
        good: "arrived",
        bad: "redriven",
        kept: "redriven",
        again_bad: "waiting",
        again_kept: "arrived",
    }
    assert fates[bad]["place"] == again_bad

    removed = dead_letters.remove(
        running.aws.client("sqs"),
        dead_letters.FAILED,
        running.flow.failed_queue_url,
        lambda letter: letter.execution == execution.arn,
    )
    told = running.make("reconcile", f"SINCE={since}")

    assert removed == 1
    assert told.code != 0
    assert "5 accepted: 2 arrived, 0 waiting, 0 in flight, 2 redriven, 1 lost" in told.text
    [line] = [line for line in told.text.splitlines() if "LOST" in line]
    assert line.startswith(again_bad)


def test_what_could_not_even_be_queued_is_stuck_and_goes_on(
    running: RunningFlow, events: Events
) -> None:
    since = now()
    with running.without_statement(running.function("CatchErrors"), "QueueFailures"):
        [event] = running.publish(events.bad(running))
        execution, states = running.ended(event)
    first = first_state(running)
    assert list(states) == [first, "CatchErrors"]

    _, fates = reconciled(running, since)
    listed = running.make("dead-letters")
    went_on = running.make("redrive", f"MESSAGE={execution.name}")

    assert (fates[event]["fate"], fates[event]["place"]) == ("waiting", "stuck")
    [line] = [line for line in listed.text.splitlines() if line.startswith(execution.name[:13])]
    assert "stuck" in line
    assert "CatchErrors" in line
    assert "goes on from CatchErrors" in went_on.text
    # The same execution queues the lead now, and ends as its flow foresees.
    assert running.failed_message(execution)["event"]["id"] == event
    _, states = running.ended(event)
    assert list(states) == [first, "CatchErrors", last_state(running)]
    _, fates = reconciled(running, since)
    assert (fates[event]["fate"], fates[event]["place"]) == ("waiting", "failed")


def test_the_audit_log_holds_no_personal_data(running: RunningFlow, events: Events) -> None:
    detail = events.good(running)
    running.ended(*running.publish(detail))

    pages = (
        running.aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=running.outputs["event_audit"]["log_group"])
    )
    text = json.dumps([page["events"] for page in pages])
    # The log has the other fields of events, and the executions in which redriven ones failed.
    others = {name: value for name, value in running.example.items() if name != "detail"}
    known = json.dumps([others, running.flow.state_machine_arn])
    values = [value for value in texts_of(detail) if value not in known]

    assert running.example["detail-type"] in text
    assert values
    assert [value for value in (*values, 'detail\\"') if value in text] == []
