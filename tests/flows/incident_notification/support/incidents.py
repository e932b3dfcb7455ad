"""The incident notification of the shared environment, as those who report and answer see it."""

from __future__ import annotations

import itertools
import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests

from emulator.stand_ins import sms
from ops.executions.executions import Execution, StateRun
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

FLOW = "incident_notification"
MACHINE = "flowbridge-local-incident-notification"
TABLE = f"{MACHINE}-incidents"
MESSAGES = f"{MACHINE}-messages"
#: The confirmation of an acknowledgement.
THANKS = "Thank you."

numbers = itertools.count(int(secrets.token_hex(3), 16) % 5_000_000)


@dataclass
class Incidents(RunningFlow):
    """The flow, with the phones of its contacts."""

    name: str = field(default=FLOW, kw_only=True)

    def report(self, *incidents: dict[str, str]) -> None:
        """Put new incidents into the table."""
        client = self.aws.client("dynamodb")
        for incident in incidents:
            item = {name: {"S": value} for name, value in incident.items()}
            client.put_item(TableName=TABLE, Item=item)

    def item(self, incident: str) -> dict[str, Any]:
        """Return the item of an incident."""
        key = {"incident_id": {"S": incident}}
        found = self.aws.client("dynamodb").get_item(TableName=TABLE, Key=key, ConsistentRead=True)
        item: dict[str, Any] = found["Item"]
        return item

    def status(self, incident: str) -> str:
        """Return the status of an incident."""
        status: str = self.item(incident)["incident_stat"]["S"]
        return status

    def history(self, incident: str) -> list[str]:
        """Return the changes of an incident, the oldest first."""
        entries = self.item(incident).get("history", {}).get("L", [])
        values = [{name: one["S"] for name, one in entry["M"].items()} for entry in entries]
        return [
            one.get("incident_stat") or f"double_escalation {one['double_escalation']}"
            for one in values
        ]

    def messages(self, phone: str) -> list[dict[str, Any]]:
        """Return the messages that a phone got, the oldest first."""
        every = requests.get(self.settings.endpoint + sms.MESSAGES, timeout=10).json()
        return [message for message in every if message["to"] == phone]

    def message(self, phone: str, count: int = 1) -> dict[str, Any]:
        """Return the newest message of a phone, once it has so many and all are recorded."""

        def found() -> dict[str, Any] | None:
            got = self.messages(phone)
            return got[-1] if len(got) >= count and self.is_recorded(got[-1]["id"]) else None

        message: dict[str, Any] = wait_for(found, f"message {count} of {phone}", 60)
        return message

    def is_recorded(self, message: str) -> bool:
        """Return whether replies to a message find its incident."""
        key = {"message_id": {"S": message}}
        return "Item" in self.aws.client("dynamodb").get_item(
            TableName=MESSAGES, Key=key, ConsistentRead=True
        )

    def reply(self, phone: str, text: str, to: str = "") -> dict[str, Any]:
        """Send a text from a phone to the flow's number, and return what was published."""
        body = {"from": phone, "to": to or self.output["number"], "body": text}
        answer = requests.post(self.settings.endpoint + sms.REPLIES, json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def fail(self, phone: str, *codes: str) -> None:
        """Have the next messages to a phone fail with these errors."""
        body = {"to": phone, "codes": codes}
        requests.post(self.settings.endpoint + sms.FAULTS, json=body, timeout=10)

    def wait_until(self, incident: str, status: str) -> None:
        """Wait until an incident has a status."""
        wait_for(lambda: self.status(incident) == status, f"{incident} is {status}", 60)

    def over(self, incident: str) -> tuple[Execution, dict[str, StateRun]]:
        """Return the ended execution of an incident, and its states by name."""
        return self.ended(incident)

    def task(self, name: str, variables: dict[str, Any], value: dict[str, Any]) -> str | None:
        """Run one of the state machine's tasks alone, as its role; return its error."""
        client = self.aws.client("stepfunctions")
        deployed = client.describe_state_machine(stateMachineArn=self.flow.state_machine_arn)
        state = json.loads(deployed["definition"])["States"][name]
        task = {k: v for k, v in state.items() if k not in ("Catch", "Retry", "Next")}
        before = {"Type": "Pass", "Assign": variables, "Next": "Task"}
        return self.error_alone({"P": before, "Task": {**task, "End": True}}, value)

    def record(self, incident: str) -> dict[str, Any]:
        """Return the record of a new incident in the table's stream, as a function gets it."""
        client = self.aws.client("dynamodbstreams")
        [stream] = client.list_streams(TableName=TABLE)["Streams"]
        arn = stream["StreamArn"]
        [shard] = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        iterator = client.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            page = client.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                changed = record["dynamodb"]
                if changed["Keys"]["incident_id"]["S"] == incident:
                    at = changed["ApproximateCreationDateTime"].timestamp()
                    return {**record, "dynamodb": {**changed, "ApproximateCreationDateTime": at}}
            assert page["Records"], f"no record of {incident}"
            iterator = page["NextShardIterator"]


def new_incident(**changes: str) -> dict[str, str]:
    """Return a new incident, with two phones of its own."""
    first, second = (f"+1206{next(numbers):07d}" for _ in range(2))
    return {
        "incident_id": f"incident-{uuid.uuid4().hex[:12]}",
        "description": "Error 111, unit 1 malfunctioned.",
        "url": "no url",
        "first_contact": first,
        "second_contact": second,
        "incident_stat": "not_acknowledged",
        "double_escalation": "no",
        **changes,
    }
