"""From an event on the bus to rows in the database, and what happens when a part fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from ops.executions.events import Event, read
from ops.local.demo import EXAMPLES
from tests.flows.crm_registration.support.new_leads import new_lead, written
from tests.flows.crm_registration.support.registration import Registration
from tests.support.platform import free_port, wait_for


def test_a_lead_becomes_one_row_in_each_table(platform: Registration) -> None:
    lead = new_lead(name="Íñigo 🎉", lastname="O'Higgins; DROP TABLE CLIENTS", phone="+56 9 8374")

    execution, states = platform.ended(*platform.publish(lead))

    assert execution.status == "SUCCEEDED"
    assert list(states) == ["ReceiveLead", "CreateClient", "CreatePartner", "CreateBenefit"]
    rows = platform.rows(written(lead["rut"]))
    [client], [partner], [benefit] = rows["CLIENTS"], rows["PARTNERS"], rows["BENEFIT"]
    assert (client["name"], client["lastname"]) == (lead["name"], lead["lastname"])
    assert (client["phone"], client["mail"]) == ("+5698374", lead["mail"])
    assert partner["store"] == "est_central"
    assert benefit["wantsBenefit"] == 1


def test_the_same_event_twice_leaves_one_row(platform: Registration) -> None:
    lead = new_lead()

    executions = [platform.ended(event)[0] for event in platform.publish(lead, lead, lead)]

    assert [execution.status for execution in executions] == ["SUCCEEDED"] * 3
    rows = platform.rows(written(lead["rut"]))
    assert {table: len(found) for table, found in rows.items()} == {
        "CLIENTS": 1,
        "PARTNERS": 1,
        "BENEFIT": 1,
    }


def test_a_detail_type_of_the_settings_starts_a_registration(platform: Registration) -> None:
    """The published example of an event has the detail-type ``string``."""
    text = (EXAMPLES / "crm_registration" / "published_event.json").read_text("utf-8")
    [event] = read(text)
    assert isinstance(event, Event)
    assert event.detail_type == "string"

    execution, _ = platform.ended(*platform.send(event))

    assert execution.status == "SUCCEEDED"
    rut = json.loads(event.detail)["rut"]
    assert len(platform.rows(written(rut))["CLIENTS"]) == 1


def test_other_events_start_nothing(platform: Registration) -> None:
    events = platform.aws.client("events")
    before = len(platform.executions.newest(1000))
    answer = events.put_events(
        Entries=[
            {
                "EventBusName": platform.flow.event_bus_name,
                "Source": source,
                "DetailType": detail_type,
                "Detail": "{}",
            }
            for source, detail_type in (
                ("someone.else", "CRM Registration"),
                ("kranio.event.crm", "CRM Registration Failed"),
            )
        ]
    )
    assert answer["FailedEntryCount"] == 0

    # A lead that is sent later and has ended: the others would have started by now.
    platform.ended(*platform.publish(new_lead()))

    assert len(platform.executions.newest(1000)) == before + 1


def test_an_invalid_lead_ends_in_the_queue_at_once_and_leaves_no_row(
    platform: Registration,
) -> None:
    lead = new_lead(mail="not a mail address")

    execution, states = platform.ended(*platform.publish(lead))

    assert (execution.status, execution.error) == ("FAILED", "InvalidLead")
    assert list(states) == ["ReceiveLead", "CatchErrors", "RegistrationFailed"]
    assert states["ReceiveLead"].attempts == 1
    message = platform.failed_message(execution)
    assert message["event"]["detail"] == lead
    assert message["failedState"] == "ReceiveLead"
    assert message["error"]["name"] == "InvalidLead"
    assert "mail" in message["error"]["cause"]
    assert lead["mail"] not in message["error"]["cause"]
    assert not any(platform.rows(written(lead["rut"])).values())


def test_other_data_under_a_known_rut_is_kept_for_a_person_to_decide(
    platform: Registration,
) -> None:
    lead = new_lead()
    platform.ended(*platform.publish(lead))
    changed = {**lead, "mail": "other@example.com"}

    execution, states = platform.ended(*platform.publish(changed))

    assert (execution.status, execution.error) == ("FAILED", "CrmRejected")
    assert states["CreateClient"].attempts == 1
    message = platform.failed_message(execution)
    assert message["event"]["detail"] == changed
    assert "409" in message["error"]["cause"]
    [client] = platform.rows(written(lead["rut"]))["CLIENTS"]
    assert client["mail"] == lead["mail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("create_client", {"rut": "1-9"}),
        ("create_client", []),
        ("create_partner", {"rut": "1-9", "store": "x", "more": 1}),
        ("create_benefit", {"rut": "1-9", "wantsBenefit": "yes"}),
    ],
)
def test_the_api_refuses_a_body_that_breaks_a_rule(
    platform: Registration, path: str, body: Any
) -> None:
    response = call(platform, path, body, platform.api_key())

    assert response.status_code == 400
    assert response.json()["success"] is False
    assert not any(platform.rows("1-9").values())


@pytest.mark.parametrize("key", [None, "wrong-key-wrong-key-wrong-key", ""])
def test_the_api_lets_nobody_in_without_the_key(platform: Registration, key: str | None) -> None:
    body = {"rut": "2-7", "store": "x"}

    response = call(platform, "create_partner", body, key)

    assert response.status_code == 403
    assert response.json()["success"] is False
    assert not platform.rows("2-7")["PARTNERS"]


def test_a_lead_whose_api_is_gone_is_retried_then_queued_whole(platform: Registration) -> None:
    lead = new_lead()

    # No server listens there.
    nowhere = {"CRM_API_URL": f"http://127.0.0.1:{free_port()}"}
    with platform.configured({"CreatePartner": nowhere}):
        execution, states = platform.ended(*platform.publish(lead))

    assert (execution.status, execution.error) == ("FAILED", "CrmUnavailable")
    assert states["CreatePartner"].attempts == 4
    message = platform.failed_message(execution)
    assert message["event"]["detail"] == lead
    assert message["failedState"] == "CreatePartner"
    # The rows that were written before stay, and resending the event adds the others.
    assert len(platform.rows(written(lead["rut"]))["CLIENTS"]) == 1
    again, _ = platform.ended(*platform.publish(message["event"]["detail"]))
    assert again.status == "SUCCEEDED"
    assert {t: len(r) for t, r in platform.rows(written(lead["rut"])).items()} == {
        "CLIENTS": 1,
        "PARTNERS": 1,
        "BENEFIT": 1,
    }


def test_a_lead_survives_the_death_of_the_database(platform: Registration) -> None:
    lead = new_lead()
    platform.ended(*platform.publish(new_lead()))  # connections are open now

    with platform.database_gone() as bring_back:
        [event] = platform.publish(lead)
        arn = platform.execution(event).arn
        wait_for(
            lambda: any(run.error for run in platform.executions.history(arn)),
            "a try that failed",
        )
        bring_back()
        execution, states = platform.ended(event)

    assert execution.status == "SUCCEEDED"
    assert states["CreateClient"].attempts > 1
    assert len(platform.rows(written(lead["rut"]))["CLIENTS"]) == 1


def test_a_failure_is_told_on_the_bus_without_personal_data(platform: Registration) -> None:
    lead = new_lead(rut="no rut at all")
    with told_failures(platform) as read:
        execution, _ = platform.ended(*platform.publish(lead))
        event = wait_for(read, "the event of the failure")

    assert event["source"] == "flowbridge.crm_registration"
    assert event["detail-type"] == "CRM Registration Failed"
    assert event["detail"] == {
        "execution": execution.arn,
        "failedState": "ReceiveLead",
        "error": "InvalidLead",
        "eventId": execution.event_id,
    }


def call(platform: Registration, path: str, body: Any, key: str | None) -> requests.Response:
    """Post a body to the API with a key, or without one."""
    url = platform.outputs["flows"]["crm_registration"]["apis"]["crm"]["url"]
    headers = {} if key is None else {"x-api-key": key}
    return requests.post(f"{url}/{path}", json=body, headers=headers, timeout=30)


@contextmanager
def told_failures(platform: Registration) -> Iterator[Any]:
    """Listen for failures on the bus; yield a function that returns one, or None."""
    import json

    events, sqs = platform.aws.client("events"), platform.aws.client("sqs")
    bus = platform.flow.event_bus_name
    queue = sqs.create_queue(QueueName="listening-test")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn["QueueArn"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    pattern = json.dumps({"source": ["flowbridge.crm_registration"]})
    events.put_rule(Name="listening-test", EventBusName=bus, EventPattern=pattern)
    target = {"Id": "queue", "Arn": arn["QueueArn"]}
    events.put_targets(Rule="listening-test", EventBusName=bus, Targets=[target])

    def read() -> Any:
        messages = sqs.receive_message(QueueUrl=queue).get("Messages", [])
        return json.loads(messages[0]["Body"]) if messages else None

    try:
        yield read
    finally:
        events.remove_targets(Rule="listening-test", EventBusName=bus, Ids=["queue"])
        events.delete_rule(Name="listening-test", EventBusName=bus)
        sqs.delete_queue(QueueUrl=queue)
