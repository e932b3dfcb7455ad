"""Every event that the bus accepted is accounted for; one that is missing is found."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from ops.executions.events import MAX_BYTES
from ops.executions.executions import Executions
from ops.recovery import dead_letters
from tests.flows.crm_registration.support.new_leads import new_lead
from tests.support.platform import FLOW, Platform, Run


def now() -> str:
    """Return the time as SINCE takes it, at a second in which nothing was accepted yet."""
    time.sleep(1)
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reconciled(platform: Platform, since: str) -> tuple[Run, dict[str, Any]]:
    """Return what ``make reconcile`` says, and the fate of each event by its id."""
    run = platform.make("-s", "reconcile", f"FLOW={FLOW}", f"SINCE={since}", "JSON=yes")
    # When it fails, make adds a line of its own.
    report, _ = json.JSONDecoder().raw_decode(run.text[run.text.index("{") :])
    return run, {event["event"]: event for event in report["events"]}


def undelivered(platform: Platform, lead: dict[str, Any]) -> str:
    """Publish a lead that no rule delivers, and queue it as EventBridge does.

    The emulator drops such an event; it does not act on a rule's dead-letter queue.
    """
    events, rule = platform.aws.client("events"), platform.flow.rules[0].name
    bus = platform.flow.event_bus_name
    events.disable_rule(Name=rule, EventBusName=bus)
    try:
        [event] = platform.publish(lead)
    finally:
        events.enable_rule(Name=rule, EventBusName=bus)
    body = {
        "id": event,
        "source": "kranio.event.crm",
        "detail-type": "CRM Registration",
        "resources": [],
        "detail": lead,
    }
    platform.aws.client("sqs").send_message(
        QueueUrl=platform.flow.undelivered_queue_urls[0],
        MessageBody=json.dumps(body),
        MessageAttributes={
            "ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"},
            "ERROR_MESSAGE": {"DataType": "String", "StringValue": "no right"},
        },
    )
    return event


def message_of(platform: Platform, event: str) -> str:
    """Return the id of the message in which an event waits."""
    executions = Executions(platform.aws.client("stepfunctions"), platform.flow.state_machine_arn)
    letters = [
        dead_letters.whole(letter, executions.event)
        for queue, url in platform.flow.queues
        for letter in dead_letters.look(platform.aws.client("sqs"), queue, url)
    ]
    [found] = [x.message_id for x in letters if x.event and x.event["id"] == event]
    return found


def redriven(platform: Platform, event: str) -> str:
    """Send the message of an event again; return its new event."""
    run = platform.make("redrive", f"MESSAGE={message_of(platform, event)}")
    assert "1 redriven, 0 left" in run.text
    return run.text.split("as event ")[1].split()[0]


def test_nothing_is_lost_until_somebody_takes_it_away(platform: Platform) -> None:
    since = now()
    # As large as EventBridge accepts, including the history that a redrive adds.
    large = new_lead(rut="nonsense", campaign="x" * (MAX_BYTES - 700))
    good, bad = platform.publish(new_lead(), large)
    kept = undelivered(platform, new_lead())
    for event in (good, bad):
        platform.ended(event)

    run, fates = reconciled(platform, since)

    assert run.code == 0, run.text
    assert {event: fate["fate"] for event, fate in fates.items()} == {
        good: "arrived",
        bad: "waiting",
        kept: "waiting",
    }
    assert (fates[bad]["place"], fates[bad]["reason"]) == ("failed", "InvalidLead in ReceiveLead")
    assert fates[kept]["reason"] == "NO_PERMISSIONS in EventBridge"

    again_bad, again_kept = redriven(platform, bad), redriven(platform, kept)
    execution, _ = platform.ended(again_bad)
    platform.ended(again_kept)
    run, fates = reconciled(platform, since)

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
        platform.aws.client("sqs"),
        dead_letters.FAILED,
        platform.flow.failed_queue_url,
        lambda letter: letter.execution == execution.arn,
    )
    told = platform.make("reconcile", f"SINCE={since}")

    assert removed == 1
    assert told.code != 0
    assert "5 accepted: 2 arrived, 0 waiting, 0 in flight, 2 redriven, 1 lost" in told.text
    [line] = [line for line in told.text.splitlines() if "LOST" in line]
    assert line.startswith(again_bad)


def test_what_could_not_even_be_queued_is_stuck_and_goes_on(platform: Platform) -> None:
    since = now()
    with platform.without_statement(platform.function("CatchErrors"), "QueueFailures"):
        [event] = platform.publish(new_lead(rut="nonsense"))
        execution, states = platform.ended(event)
    assert list(states) == ["ReceiveLead", "CatchErrors"]

    _, fates = reconciled(platform, since)
    listed = platform.make("dead-letters")
    went_on = platform.make("redrive", f"MESSAGE={execution.name}")

    assert (fates[event]["fate"], fates[event]["place"]) == ("waiting", "stuck")
    [line] = [line for line in listed.text.splitlines() if line.startswith(execution.name[:13])]
    assert "stuck" in line
    assert "CatchErrors" in line
    assert "goes on from CatchErrors" in went_on.text
    # The same execution queues the lead now, and ends as its flow foresees.
    assert platform.failed_message(execution)["event"]["id"] == event
    _, states = platform.ended(event)
    assert list(states) == ["ReceiveLead", "CatchErrors", "RegistrationFailed"]
    _, fates = reconciled(platform, since)
    assert (fates[event]["fate"], fates[event]["place"]) == ("waiting", "failed")


def test_the_audit_log_holds_no_personal_data(platform: Platform) -> None:
    lead = new_lead(name="Marked Name", mail="marked@example.com")
    platform.ended(*platform.publish(lead))

    pages = (
        platform.aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=platform.outputs["event_audit"]["log_group"])
    )
    text = json.dumps([page["events"] for page in pages])

    assert "CRM Registration" in text
    assert [
        value for value in ("Marked", "marked@", lead["rut"], 'detail\\"') if value in text
    ] == []
