"""Parts fail while incidents come in: no incident is lost, and no contact is asked twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.flows import DeployedFlow, inspector
from ops.recovery import dead_letters
from ops.recovery.reconcile import Fate, Reconciliation
from ops.settings import LOCAL
from tests.flows.incident_notification.support.incidents import Incidents, new_incident
from tests.support.platform import Platform, wait_for

THROTTLED, FAILED = "ThrottlingException", "InternalServerException"


@pytest.fixture(scope="module")
def flow(platform: Platform) -> Incidents:
    found = Incidents(platform.settings)
    for service in ("dynamodb", "stepfunctions", "sqs"):
        # boto3 does not let two threads make a client.
        found.aws.client(service)
    return found


def acknowledge(flow: Incidents, incident: dict[str, str], contact: str = "first_contact") -> None:
    """Have a contact take an incident once it is asked, and check that it is asked once."""
    flow.message(incident[contact])
    flow.reply(incident[contact], "yes")
    flow.wait_until(incident["incident_id"], "acknowledged")
    wait_for(lambda: len(flow.messages(incident[contact])) >= 2, "the confirmation", 30)
    first, confirmation = (m["body"] for m in flow.messages(incident[contact]))
    assert incident["incident_id"] in first
    assert confirmation.startswith("Thank you.")


def test_what_fails_for_a_moment_is_repeated(flow: Incidents) -> None:
    faults = [[THROTTLED], [FAILED, THROTTLED], [THROTTLED] * 3]
    incidents = [new_incident() for _ in faults]
    for incident, codes in zip(incidents, faults, strict=True):
        flow.fail(incident["first_contact"], *codes)
    flow.report(*incidents)

    with ThreadPoolExecutor(len(incidents)) as pool:
        list(pool.map(lambda incident: acknowledge(flow, incident), incidents))


def test_a_phone_that_takes_no_messages_is_passed_over(flow: Incidents) -> None:
    incident = new_incident()
    flow.fail(incident["first_contact"], "ConflictException")
    flow.report(incident)

    acknowledge(flow, incident, "second_contact")

    assert flow.messages(incident["first_contact"]) == []
    assert flow.history(incident["incident_id"]) == ["escalation", "acknowledged"]


def test_what_fails_for_long_waits_and_is_redriven(flow: Incidents) -> None:
    incidents = [new_incident() for _ in range(3)]
    for incident in incidents:
        flow.fail(incident["first_contact"], *[THROTTLED] * 4)
    flow.report(*incidents)
    failed = [flow.over(incident["incident_id"])[0] for incident in incidents]

    error = "PinpointSmsVoiceV2.ThrottlingException"
    assert {execution.error for execution in failed} == {error}
    for execution in failed:
        assert flow.failed_message(execution)["event"]["id"] == execution.name

    with ThreadPoolExecutor(len(incidents)) as pool:
        # The contacts answer while the command runs, before they would get a reminder.
        answered = [pool.submit(acknowledge, flow, incident) for incident in incidents]
        run = flow.make("redrive", f"FLOW={flow.name}", f"ERROR={error}")
        for one in answered:
            one.result()
    assert "3 redriven, 0 left" in run.text, run.text
    letters = [
        letter
        for queue, url in flow.flow.queues
        for letter in dead_letters.look(flow.aws.client("sqs"), queue, url)
    ]
    assert [letter for letter in letters if letter.error == error] == []


def test_a_reply_that_comes_several_times_counts_once(flow: Incidents) -> None:
    incident = new_incident()
    flow.report(incident)
    flow.message(incident["first_contact"])
    [consumer] = flow.flow.consumers
    body = flow.reply(incident["first_contact"], "yes")
    for _ in range(3):
        flow.aws.client("sqs").send_message(
            QueueUrl=consumer.queue_url, MessageBody=json.dumps(body)
        )
    flow.over(incident["incident_id"])

    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_empty() -> bool:
        found = flow.aws.client("sqs").get_queue_attributes(
            QueueUrl=consumer.queue_url, AttributeNames=names
        )
        return not sum(int(value) for value in found["Attributes"].values())

    wait_for(is_empty, "an empty queue", 30)
    assert flow.history(incident["incident_id"]) == ["acknowledged"]
    assert len(flow.messages(incident["first_contact"])) == 2


def test_no_incident_was_lost(flow: Incidents) -> None:
    deployed = DeployedFlow(flow.name, LOCAL, flow.aws.client, flow.outputs)
    every = [e for e in flow.executions.newest(1000) if not e.is_over]
    assert every == []
    since = min(e.started for e in flow.executions.newest(1000))
    report = Reconciliation(
        flow.aws.client, flow.flow, flow.outputs["event_audit"], inspector(deployed)
    ).report(since, lambda _: None)

    assert report.counts[Fate.LOST] == 0, [v for v in report.verdicts if v.fate is Fate.LOST]
    assert report.duplicated == []
