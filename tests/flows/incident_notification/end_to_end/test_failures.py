"""Records that come again, incidents that are malformed, and functions that fail."""

from __future__ import annotations

import json
import uuid

import pytest

from ops.recovery import dead_letters
from tests.flows.incident_notification.support.incidents import Incidents, new_incident
from tests.support.platform import Platform, wait_for


@pytest.fixture(scope="module")
def flow(platform: Platform) -> Incidents:
    return Incidents(platform.settings)


def test_a_stream_that_is_replayed_starts_one_execution(flow: Incidents) -> None:
    incident = new_incident()
    flow.report(incident)
    flow.message(incident["first_contact"])
    record = flow.record(incident["incident_id"])

    answers = [
        flow.invoke(flow.function("start_incident"), {"Records": [record]}, "live")
        for _ in range(3)
    ]
    flow.reply(incident["first_contact"], "yes")
    flow.over(incident["incident_id"])
    answers.append(flow.invoke(flow.function("start_incident"), {"Records": [record]}, "live"))

    assert answers == [(None, {"batchItemFailures": []})] * 4
    names = [e.name for e in flow.executions.newest(1000)]
    assert names.count(incident["incident_id"]) == 1
    # A slow computer may remind the contact meanwhile.
    bodies = [message["body"] for message in flow.messages(incident["first_contact"])]
    assert len([body for body in bodies if body.startswith("Thank you")]) == 1


def test_a_malformed_incident_is_queued_and_the_next_one_is_unharmed(flow: Incidents) -> None:
    bad, good = new_incident(first_contact="555-0111"), new_incident()
    odd = new_incident(incident_id=f"unit 1 / Störung_{uuid.uuid4().hex}")
    flow.report(bad, good, odd)

    failed, _ = flow.over(bad["incident_id"])
    for incident in (good, odd):
        flow.message(incident["first_contact"])
        flow.reply(incident["first_contact"], "yes")
    flow.over(good["incident_id"])
    message = flow.failed_message(failed)

    assert (failed.status, failed.error) == ("FAILED", "InvalidIncident")
    assert "first_contact: must be a phone number" in message["error"]["cause"]
    assert "555-0111" not in json.dumps(message)
    assert flow.status(good["incident_id"]) == "acknowledged"
    flow.wait_until(odd["incident_id"], "acknowledged")

    # The incident is corrected in the table, and its event redriven.
    bad["first_contact"] = new_incident()["first_contact"]
    flow.report(bad)
    letters = dead_letters.look(
        flow.aws.client("sqs"), dead_letters.FAILED, flow.flow.failed_queue_url
    )
    [letter] = [x for x in letters if x.execution == failed.arn]
    run = flow.make("redrive", f"MESSAGE={letter.message_id}")
    assert "1 redriven" in run.text, run.text
    flow.message(bad["first_contact"])
    flow.reply(bad["first_contact"], "yes")
    flow.wait_until(bad["incident_id"], "acknowledged")


def test_an_incident_that_cannot_be_started_waits_and_is_redriven(flow: Incidents) -> None:
    sqs, incident = flow.aws.client("sqs"), new_incident()
    [url] = flow.flow.unread_queue_urls
    with flow.without_statement(flow.function("start_incident"), "StartIncidents"):
        flow.report(incident)
        [letter] = wait_for(
            lambda: dead_letters.look(sqs, dead_letters.UNREAD, url), "the failed record", 60
        )
    listed = flow.make("dead-letters")
    run = flow.make("redrive", f"MESSAGE={letter.message_id}")

    assert letter.error == "RetryAttemptsExhausted"
    assert letter.message_id[:8] in listed.text
    assert "1 redriven" in run.text, run.text
    flow.message(incident["first_contact"])
    flow.reply(incident["first_contact"], "yes")
    execution, _ = flow.over(incident["incident_id"])
    assert execution.status == "SUCCEEDED"
    assert dead_letters.look(sqs, dead_letters.UNREAD, url) == []


def test_an_id_is_used_once(flow: Incidents) -> None:
    incident = new_incident(incident_stat="acknowledged")
    flow.report(incident)
    flow.over(incident["incident_id"])
    record = flow.record(incident["incident_id"])
    record["dynamodb"]["ApproximateCreationDateTime"] += 60

    _, answer = flow.invoke(flow.function("start_incident"), {"Records": [record]}, "live")

    assert answer["batchItemFailures"] == [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]


def test_a_message_that_is_no_reply_is_set_aside(flow: Incidents) -> None:
    [consumer] = flow.flow.consumers
    sqs = flow.aws.client("sqs")
    sqs.send_message(QueueUrl=consumer.queue_url, MessageBody="no reply")

    def found() -> list[dead_letters.DeadLetter]:
        url = consumer.dead_letter_queue_url
        return dead_letters.look(sqs, dead_letters.UNPROCESSED, url)

    [letter] = wait_for(found, "the message", 60)
    assert letter.error == "InvalidReply"
    dead_letters.remove(
        sqs, dead_letters.UNPROCESSED, consumer.dead_letter_queue_url, lambda _: True
    )


def test_every_incident_is_accounted_for(flow: Incidents) -> None:
    incident = new_incident(incident_stat="acknowledged")
    flow.report(incident)
    flow.over(incident["incident_id"])

    run = flow.make("reconcile", f"FLOW={flow.name}")

    assert run.code == 0, run.text
    assert " 0 lost" in run.text
