"""Expectations of the incident notification in the tests of every flow."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from typing import Any

from ops.executions.executions import Execution
from ops.recovery import dead_letters
from tests.flows.incident_notification.support.incidents import (
    MACHINE,
    MESSAGES,
    TABLE,
    Incidents,
    new_incident,
)
from tests.support.expectations import FAILURE, Expectations, Marks, Rights, Settings
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

CHOSEN = "End User Messaging chooses the identifier of a number"
START, REPLY = f"{MACHINE}-start-incident", f"{MACHINE}-receive-reply"


def incidents(running: RunningFlow) -> Incidents:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Incidents)
    return running


def send(running: RunningFlow) -> Execution:
    """Have the flow handle an incident whose first contact takes it."""
    flow, incident = incidents(running), new_incident()
    flow.report(incident)
    flow.message(incident["first_contact"])
    flow.reply(incident["first_contact"], "yes")
    execution, _ = flow.over(incident["incident_id"])
    return execution


def ended_token(flow: Incidents) -> str:
    """Return a token of the state machine: the right to answer is on the one that issued it."""
    incident = new_incident()
    flow.report(incident)
    message = flow.message(incident["first_contact"])["id"]
    found = flow.aws.client("dynamodb").get_item(
        TableName=MESSAGES, Key={"message_id": {"S": message}}
    )
    flow.reply(incident["first_contact"], "yes")
    flow.over(incident["incident_id"])
    token: str = found["Item"]["task_token"]["S"]
    return token


def rights(running: RunningFlow) -> Rights:
    """Return the calls that miss each right."""
    flow = incidents(running)
    for service in ("dynamodb", "dynamodbstreams", "stepfunctions", "sqs", "lambda"):
        # boto3 does not let two threads make a client.
        flow.aws.client(service)
    lambda_client, sqs = flow.aws.client("lambda"), flow.aws.client("sqs")
    known = new_incident(incident_stat="acknowledged")
    flow.report(known)
    flow.over(known["incident_id"])
    record, token = flow.record(known["incident_id"]), ended_token(flow)
    checked = {
        "incident_id": "none",
        "contacts": {"not_acknowledged": new_incident()["first_contact"]},
        "texts": {"not_acknowledged": ["A test of rights."]},
        "sender": lambda_client.get_function_configuration(
            FunctionName=flow.function("CheckIncident")
        )["Environment"]["Variables"]["SENDER"],
        "wait_seconds": 1,
        "expires_at": int(time.time()) + 60,
    }
    variables = {
        "incident": checked,
        "status": "not_acknowledged",
        "sent": {"not_acknowledged": 0},
    }

    def task(name: str) -> str | None:
        value = {"message": f"rights-{uuid.uuid4()}", "detail": {"incident_id": "none"}}
        return flow.task(name, variables, value)

    def conditional(name: str) -> str | None:
        error = task(name)
        # There is no such incident, which only shows with the right.
        return None if error == "DynamoDB.ConditionalCheckFailedException" else error

    def waiting() -> str | None:
        error = task("WaitForReply")
        return None if error in ("States.Timeout", "States.HeartbeatTimeout") else error

    def start(record: dict[str, Any]) -> str | None:
        _, answer = flow.invoke(flow.function("start_incident"), {"Records": [record]}, "live")
        return "failed" if answer["batchItemFailures"] else None

    def start_new() -> str | None:
        incident = new_incident(incident_stat="acknowledged")
        flow.report(incident)
        return start(flow.record(incident["incident_id"]))

    def reported() -> str | None:
        """Report an incident; return an error if its execution does not start."""
        incident = new_incident(incident_stat="acknowledged")
        flow.report(incident)
        deadline, started = time.monotonic() + 20, dict[str, Execution]()
        while time.monotonic() < deadline:
            flow.executions.started_by([incident["incident_id"]], started)
            if started:
                return None
            time.sleep(0.5)
        return "not started"

    def kept() -> str | None:
        """Have a record fail; return an error if it does not come into its queue."""
        [url] = flow.flow.unread_queue_urls
        with flow.configured({"start_incident": {"STATE_MACHINE_ALIAS": "arn:aws:states:::x"}}):
            flow.report(new_incident())
            deadline = time.monotonic() + 15
            while time.monotonic() < deadline:
                if dead_letters.remove(sqs, dead_letters.UNREAD, url, lambda _: True):
                    return None
                time.sleep(0.5)
        return "not kept"

    def replied(text: str = "yes") -> str | None:
        """Have the function take a reply; return an error if it fails."""
        incident = new_incident()
        message = f"rights-{uuid.uuid4()}"
        item = {
            "message_id": message,
            "incident_id": incident["incident_id"],
            "contact": incident["first_contact"],
            "asked": "not_acknowledged",
            "task_token": token,
        }
        flow.aws.client("dynamodb").put_item(
            TableName=MESSAGES, Item={name: {"S": value} for name, value in item.items()}
        )
        reply = uuid.uuid4().hex
        entry = {"M": {"reply": {"S": reply}, "at": {"S": "x"}}}
        flow.aws.client("dynamodb").put_item(
            TableName=TABLE,
            Item={
                "incident_id": {"S": incident["incident_id"]},
                "incident_stat": {"S": "acknowledged"},
                "history": {"L": [entry]},
            },
        )
        body = {
            "originationNumber": incident["first_contact"],
            "messageBody": text,
            "inboundMessageId": reply,
            "previousPublishedMessageId": message,
        }
        record = {"messageId": "1", "body": json.dumps(body)}
        _, answer = flow.invoke(flow.function("receive_reply"), {"Records": [record]}, "live")
        return "failed" if answer["batchItemFailures"] else None

    def read_queue() -> str | None:
        """Send a reply that means nothing; return an error if it stays in the queue."""
        [consumer] = flow.flow.consumers
        body = {"originationNumber": "+1", "messageBody": "?", "inboundMessageId": "x"}
        sqs.send_message(QueueUrl=consumer.queue_url, MessageBody=json.dumps(body))
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline:
            found = sqs.get_queue_attributes(QueueUrl=consumer.queue_url, AttributeNames=names)
            if not sum(int(value) for value in found["Attributes"].values()):
                return None
            time.sleep(0.5)
        return "not read"

    def set_aside() -> str | None:
        """Have the function refuse a message; return an error if it is not set aside."""
        [consumer] = flow.flow.consumers
        record = {"messageId": "1", "body": "no reply"}
        _, answer = flow.invoke(flow.function("receive_reply"), {"Records": [record]}, "live")
        dead_letters.remove(
            sqs, dead_letters.UNPROCESSED, consumer.dead_letter_queue_url, lambda _: True
        )
        return "failed" if answer["batchItemFailures"] else None

    return Rights(
        {"CatchErrors": FAILURE},
        {
            (MACHINE, "DynamodbGetItem"): lambda: task("ReadStatus"),
            (MACHINE, "DynamodbUpdateItem"): lambda: conditional("CloseIncident"),
            (MACHINE, "AwsSdkDynamodbPutItem"): waiting,
            (MACHINE, "AwsSdkPinpointsmsvoicev2SendTextMessage"): lambda: task("SendSms"),
            (MACHINE, "EventsPutEvents"): lambda: task("AnnounceUnacknowledged"),
            (START, "StartIncidents"): start_new,
            (START, "CompareIncidents"): lambda: start(record),
            (START, "ReadStream"): reported,
            (START, "KeepFailedRecords"): kept,
            (REPLY, "ChangeIncidents"): replied,
            (REPLY, "FindOwnChanges"): replied,
            (REPLY, "FindMessages"): replied,
            (REPLY, "RecordConfirmations"): replied,
            (REPLY, "SendConfirmations"): replied,
            (REPLY, "WakeIncidents"): replied,
            (REPLY, "ReadQueue"): read_queue,
            (REPLY, "SetAside"): set_aside,
        },
        lambda: _clear(flow),
    )


def _clear(flow: Incidents) -> None:
    """Take the test's records that failed out of the queue, once the last one is there."""
    [url] = flow.flow.unread_queue_urls
    time.sleep(5)
    dead_letters.remove(flow.aws.client("sqs"), dead_letters.UNREAD, url, lambda _: True)


def marks(running: RunningFlow) -> Marks:
    """Notify the contacts of one incident, and fail on another."""
    flow, token = incidents(running), secrets.token_hex(6)
    good = new_incident(description=f"Good{token} leaks.")
    bad = new_incident(description=f"Bad{token} leaks.", second_contact="none")
    flow.report(good, bad)
    flow.message(good["first_contact"])
    flow.reply(good["first_contact"], "yes")
    assert flow.over(good["incident_id"])[0].status == "SUCCEEDED"
    failed, _ = flow.over(bad["incident_id"])
    assert failed.error == "InvalidIncident"
    wait_for(lambda: len(flow.messages(good["first_contact"])) == 2, "the confirmation")
    people = {
        f"{name} of the {which} incident": incident[name]
        for which, incident in (("good", good), ("bad", bad))
        for name in ("description", "first_contact")
    }
    searched = dict.fromkeys(people, (f"^table {TABLE}$",))
    return Marks(people=people, searched=searched)


#: An incident with its phones is in its table, the messages, and the executions.
PLACES = (
    rf"table {TABLE}|table {MESSAGES}"
    rf"|execution \S+:{MACHINE}:\S+"
    rf"|log /aws/vendedlogs/states/{MACHINE}"
)

EXPECTATIONS = Expectations(
    running=Incidents,
    libraries={
        "incident_notification.check_incident": set(),
        "incident_notification.start_incident": set(),
        "incident_notification.receive_reply": set(),
        "incident_notification.catch_errors": set(),
    },
    # Two messages to each of two contacts.
    longest_waits={"WaitForReply": 4 * 7201},
    wide={
        "CompareIncidents": "every incident has an execution of its own name",
        "EncryptFromSms": "in a key's policy, this is the key",
    },
    unknown_policies={
        "module.workflow.module.state_machine.aws_iam_role_policy.this": CHOSEN,
        "module.replies.module.function.aws_iam_role_policy.this": CHOSEN,
    },
    rights=rights,
    # New incidents come from the table's stream.
    events=None,
    send=send,
    marks=marks,
    places=PLACES,
    settings=Settings(
        wrong={
            "number": {"country": "usa", "type": "SENDER_ID"},
            "wait_seconds": 0,
            "words": {"yes": ["ok"], "no": ["ok"]},
            "message_days": 0,
        },
        sentences=[
            "incident_notification.number has an ISO country code",
            "incident_notification.wait_seconds is",
            "incident_notification.words has at least",
            "incident_notification.message_days is",
        ],
        required="number",
    ),
)
