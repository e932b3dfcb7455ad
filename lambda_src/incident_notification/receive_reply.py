"""ReceiveReply: apply a contact's reply to its incident, and wake the execution that waits."""

from __future__ import annotations

from functools import cache
from typing import Any

from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import get_logger
from flowbridge.queue_batch import Consumer
from incident_notification import reply as replies
from incident_notification.errors import InvalidReply
from incident_notification.incident import (
    ACKNOWLEDGED,
    ESCALATION,
    NOT_ACKNOWLEDGED,
    UNACKNOWLEDGED,
    expiry,
)
from incident_notification.reply import Meaning, Reply

log = get_logger("receive_reply")

#: The execution does not wait any longer, or another reply has woken it.
GONE = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
#: The phone takes no messages.
UNREACHABLE = frozenset({"ConflictException", "ValidationException"})
#: The change by a decline, by the status in which the contact was asked.
DECLINED = {
    NOT_ACKNOWLEDGED: ("incident_stat", ESCALATION),
    ESCALATION: ("double_escalation", "yes"),
}

Item = dict[str, dict[str, Any]]


def receive(body: str) -> str:
    """Apply the reply in a message of the topic; return the outcome in a word.

    Raises
    ------
    InvalidReply
        When it is not a reply.
    """
    reply = replies.read(body)
    outcome = apply(reply)
    log.info("reply received", extra={"reply": reply.id, "outcome": outcome})
    return outcome


def apply(reply: Reply) -> str:
    """Apply a reply; return the outcome in a word."""
    meaning = replies.meaning(reply.text, words("YES_WORDS"), words("NO_WORDS"))
    if meaning is Meaning.UNKNOWN:
        return "not understood"
    message = message_of(reply)
    if message is None:
        return "no message"
    if message["contact"]["S"] != reply.origin:
        return "stranger"
    act = acknowledge if meaning is Meaning.YES else decline
    outcome = act(reply, message)
    wake(message)
    return outcome


def message_of(reply: Reply) -> Item | None:
    """Return the record of the message that a reply answers; None when there is none any longer."""
    if reply.answered is None:
        return None
    found = client("dynamodb").get_item(
        TableName=config.required("MESSAGES_TABLE"),
        Key={"message_id": {"S": reply.answered}},
        ConsistentRead=True,
    )
    item: Item | None = found.get("Item")
    return item


def acknowledge(reply: Reply, message: Item) -> str:
    """Have the contact take the incident, unless another one did, and confirm that to the contact.

    A reply that comes late counts: the incident would stay open without it.
    """
    incident = message["incident_id"]["S"]
    changed = change(
        incident,
        reply,
        ("incident_stat", ACKNOWLEDGED),
        (NOT_ACKNOWLEDGED, ESCALATION, UNACKNOWLEDGED),
    )
    if not (changed or was_applied(incident, reply)):
        return "too late"
    confirm(incident, reply)
    return "acknowledged"


def decline(reply: Reply, message: Item) -> str:
    """Have the incident go on to the next contact, unless it did so already."""
    asked = message["asked"]["S"]
    changed = change(message["incident_id"]["S"], reply, DECLINED[asked], (asked,))
    return "declined" if changed else "too late"


def change(
    incident: str, reply: Reply, change_to: tuple[str, str], expected: tuple[str, ...]
) -> bool:
    """Change an attribute of an incident in one of the expected statuses; return whether it was."""
    # Imported here: it would slow the cold start, and botocore imports it anyway.
    from datetime import UTC, datetime

    attribute, value = change_to
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    places = {f":expected{number}": {"S": status} for number, status in enumerate(expected)}
    entry = {"at": {"S": now}, attribute: {"S": value}, "reply": {"S": reply.id}}
    dynamodb = client("dynamodb")
    try:
        dynamodb.update_item(
            TableName=config.required("INCIDENTS_TABLE"),
            Key={"incident_id": {"S": incident}},
            UpdateExpression=(
                "SET #changed = :value, stat_date = :now, "
                "#history = list_append(if_not_exists(#history, :none), :entry)"
            ),
            ConditionExpression=f"incident_stat IN ({', '.join(places)})",
            ExpressionAttributeNames={"#changed": attribute, "#history": "history"},
            ExpressionAttributeValues={
                ":value": {"S": value},
                ":now": {"S": now},
                ":none": {"L": []},
                ":entry": {"L": [{"M": entry}]},
                **places,
            },
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def was_applied(incident: str, reply: Reply) -> bool:
    """Return whether this reply, which came before, changed the incident."""
    item = client("dynamodb").get_item(
        TableName=config.required("INCIDENTS_TABLE"),
        Key={"incident_id": {"S": incident}},
        ConsistentRead=True,
    )
    entries = item.get("Item", {}).get("history", {}).get("L", [])
    return any(entry["M"].get("reply") == {"S": reply.id} for entry in entries)


def confirm(incident: str, reply: Reply) -> None:
    """Confirm an acknowledgement, once for each reply.

    The queue may deliver a reply several times at once, so a delivery claims the confirmation
    first, and gives it up when sending fails. One that is ended in between leaves the contact
    without a confirmation; the acknowledgement counts all the same.
    """
    if not claim(incident, reply):
        return
    sms = client("pinpoint-sms-voice-v2")
    try:
        sms.send_text_message(
            DestinationPhoneNumber=reply.origin,
            OriginationIdentity=config.required("SENDER"),
            ConfigurationSetName=config.required("CONFIGURATION_SET"),
            MessageType="TRANSACTIONAL",
            MessageBody=f"Thank you. Incident {incident} is yours.",
        )
    except sms.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in UNREACHABLE:
            release(reply)
            raise
        log.warning("acknowledgement not confirmed", extra={"reply": reply.id})


def claim(incident: str, reply: Reply) -> bool:
    """Record that this delivery confirms a reply; return whether no other one has done so."""
    dynamodb = client("dynamodb")
    try:
        dynamodb.put_item(
            TableName=config.required("MESSAGES_TABLE"),
            Item={
                **confirmation(reply),
                "incident_id": {"S": incident},
                "expires_at": {"N": str(expiry())},
            },
            ConditionExpression="attribute_not_exists(message_id)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def release(reply: Reply) -> None:
    """Let a later delivery of a reply confirm it."""
    client("dynamodb").delete_item(
        TableName=config.required("MESSAGES_TABLE"), Key=confirmation(reply)
    )


def confirmation(reply: Reply) -> Item:
    """Return the key of the record that a reply was confirmed."""
    return {"message_id": {"S": f"reply/{reply.id}"}}


def wake(message: Item) -> None:
    """Have the execution go on that waits for a reply to a message, if it still does."""
    states = client("stepfunctions")
    try:
        states.send_task_success(taskToken=message["task_token"]["S"], output="{}")
    except states.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise


@cache
def words(variable: str) -> frozenset[str]:
    """Return the words in an environment variable, as replies are compared with them."""
    return frozenset(replies.word_of(word) for word in config.required(variable).split(","))


handler = Consumer(receive, permanent=(InvalidReply,))
