"""The hooks of the incident notification: contacts get messages until one of them takes it."""

from __future__ import annotations

import json
import secrets
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from emulator.stand_ins import sms
from ops.cli.screens import escape, indented_json
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.executions.executions import Execution
from ops.executions.follow import follow
from ops.flows import DeployedFlow, FlowHooks
from ops.local.demo import EXAMPLES, endpoint, look_into
from ops.recovery import dead_letters
from ops.recovery.places import Contents, Inspector, Key, key
from ops.releases.smoke import SmokeTestFailed, follow_or_stop

#: The attribute that identifies an incident, and its field in an execution's answer.
COLUMNS = ("incident_id",)
#: Statuses in which an incident is over.
OVER = ("acknowledged", "unacknowledged")
#: The limit of BatchGetItem.
MOST_AT_ONCE = 100
#: How often the phones of the demo look for messages.
POLL_SECONDS = 0.2
QUEUE_SECONDS = 15
#: Begins the id of a smoke test's incident.
SYNTHETIC_PREFIX = "smoke-test-"

NEXT_STEPS = """\
  make watch FLOW=incident_notification         see the executions, live
  make dead-letters FLOW=incident_notification  see what failed, and why
  make plan                                     see that Terraform has nothing left to do
  make down                                     stop everything"""


def demo(deployed: DeployedFlow) -> None:
    """Play an incident whose first contact declines, and one that is malformed.

    The first contact stays silent until the reminder and declines then; the second one takes it.

    Raises
    ------
    OperationError
        When the incident is not acknowledged, or the malformed one is not in the queue.
    """
    url = endpoint(deployed)
    incident = example(deployed, "incident.json")
    script = {incident["first_contact"]: (2, "No."), incident["second_contact"]: (1, "yes")}
    heading("An incident is put into the table; its contacts have phones")
    put(deployed, incident)
    with phones(url, incident["incident_id"], script):
        execution, _ = follow(
            deployed.workflow.executions(deployed.client), incident["incident_id"]
        )
    console.print(f"  [green]{execution.status}[/green]")

    heading("The messages on the phones, and the replies")
    conversation = Table(box=None, show_header=False, pad_edge=False)
    for at, way, text in conversation_of(url, incident["incident_id"], script):
        conversation.add_row(f"[dim]{at}[/dim]", way, escape(text))
    console.print(conversation)

    heading("The incident in the table")
    item = read(deployed, incident["incident_id"])
    if item.get("incident_stat", {}).get("S") != "acknowledged":
        raise OperationError("The incident is not acknowledged.", look_into(execution))
    console.print(history_of(item))

    heading("A malformed incident is put into the table")
    bad = example(deployed, "bad_incident.json")
    put(deployed, bad)
    failed, _ = follow(deployed.workflow.executions(deployed.client), bad["incident_id"])
    console.print(f"  [yellow]{failed.status}[/yellow]", failed.error or "")
    heading("Its message in the failed-incidents queue; correct the incident, then redrive it")
    console.print(escape(indented_json(queued(deployed, failed))), soft_wrap=True)
    heading("The local environment is up. Go on with")
    console.print(NEXT_STEPS, f"\nThe phones, for your browser: {url}{sms.PAGE}")


def example(deployed: DeployedFlow, file: str) -> dict[str, str]:
    """Return the incident of an example, with an id that no other incident has."""
    text = (EXAMPLES / deployed.name / file).read_text(encoding="utf-8")
    incident: dict[str, str] = json.loads(text)
    return {**incident, "incident_id": f"{incident['incident_id']}-{secrets.token_hex(3)}"}


def put(deployed: DeployedFlow, incident: Mapping[str, str]) -> None:
    """Put an incident into the table."""
    item = {name: {"S": value} for name, value in incident.items()}
    deployed.client("dynamodb").put_item(TableName=_table(deployed), Item=item)
    console.print(f"[green]✓[/green] {incident['incident_id']} is in the table {_table(deployed)}")


def read(deployed: DeployedFlow, incident: str) -> dict[str, Any]:
    """Return the item of an incident."""
    found = deployed.client("dynamodb").get_item(
        TableName=_table(deployed), Key={"incident_id": {"S": incident}}, ConsistentRead=True
    )
    item: dict[str, Any] = found.get("Item", {})
    return item


def history_of(item: Mapping[str, Any]) -> Table:
    """Return the statuses of an incident, the newest last."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for entry in item.get("history", {}).get("L", []):
        values = {name: value["S"] for name, value in entry["M"].items()}
        status = values.get("incident_stat") or f"double_escalation {values['double_escalation']}"
        by = "silence" if values["reply"] == "none" else f"reply {values['reply'][:8]}"
        table.add_row(f"[dim]{values['at'][11:19]}[/dim]", status, f"[dim]{by}[/dim]")
    return table


@contextmanager
def phones(url: str, incident: str, script: Mapping[str, tuple[int, str]]) -> Iterator[None]:
    """Have phones reply to the messages about an incident while the block runs.

    `script` has the reply of each phone, and the number of the message that it follows.
    """
    over, answered = threading.Event(), set[str]()

    def play() -> None:
        while not over.wait(POLL_SECONDS):
            for phone, (number, text) in script.items():
                found = [m for m in messages_of(url, incident) if m["to"] == phone]
                if phone not in answered and len(found) >= number:
                    answered.add(phone)
                    # A message is recorded within moments, and a reader needs them.
                    time.sleep(1)
                    reply(url, found[-1], text)

    player = threading.Thread(target=play, daemon=True)
    player.start()
    try:
        yield
    finally:
        over.set()
        player.join()


def messages_of(url: str, incident: str) -> list[dict[str, Any]]:
    """Return the messages about an incident, the oldest first."""
    with urllib.request.urlopen(url + sms.MESSAGES, timeout=10) as answer:  # noqa: S310  loopback
        found = json.load(answer)
    return [message for message in found if incident in message["body"]]


def reply(url: str, message: Mapping[str, Any], text: str) -> None:
    """Reply to a message, as the phone that got it."""
    body = json.dumps({"from": message["to"], "to": message["from"], "body": text}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url + sms.REPLIES, body, headers)  # noqa: S310  loopback
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        pass


def conversation_of(
    url: str, incident: str, script: Mapping[str, tuple[int, str]]
) -> Iterator[tuple[str, str, str]]:
    """Yield time, direction and text of the messages and replies."""
    numbers = Counter[str]()
    for message in messages_of(url, incident):
        phone = message["to"]
        at = datetime.fromtimestamp(message["at"], UTC).strftime("%H:%M:%S")
        yield at, f"→ {phone}", message["body"]
        numbers[phone] += 1
        number, text = script[phone]
        if numbers[phone] == number:
            yield "", f"← {phone}", text


def queued(deployed: DeployedFlow, execution: Execution) -> str:
    """Return the message of an execution in the failed queue.

    Raises
    ------
    OperationError
        When it does not come.
    """
    client, url = deployed.client("sqs"), deployed.workflow.failed_queue_url
    deadline = time.monotonic() + QUEUE_SECONDS
    while time.monotonic() < deadline:
        for letter in dead_letters.look(client, dead_letters.FAILED, url):
            if letter.execution == execution.arn:
                return str(letter.raw["Body"])
        time.sleep(0.5)
    raise OperationError(f"The incident of {execution.name} is not in {url}.", look_into(execution))


def smoke(deployed: DeployedFlow) -> str:
    """Put an incident that is acknowledged already, so that no contact is asked, and remove it.

    Raises
    ------
    SmokeTestFailed
        When its execution does not end as acknowledged.
    """
    incident = {
        "incident_id": f"{SYNTHETIC_PREFIX}{secrets.token_hex(6)}",
        "description": "Smoke test of a release.",
        "url": "no url",
        "first_contact": "+12065550100",
        "second_contact": "+12065550100",
        "incident_stat": "acknowledged",
        "double_escalation": "no",
    }
    dynamodb, table = deployed.client("dynamodb"), _table(deployed)
    item = {name: {"S": value} for name, value in incident.items()}
    dynamodb.put_item(TableName=table, Item=item)
    try:
        execution = follow_or_stop(deployed, incident["incident_id"])
    finally:
        dynamodb.delete_item(TableName=table, Key={"incident_id": item["incident_id"]})
    if (execution.answer or {}).get("incident_stat") != "acknowledged":
        raise SmokeTestFailed(
            f"A synthetic incident ended as {execution.status}: {execution.error}.",
            look_into(execution),
        )
    return "a synthetic incident went from the table through the state machine"


def inspect(deployed: DeployedFlow) -> Inspector:
    """Return what reads the incidents that are over from the table."""
    client, table = deployed.client("dynamodb"), _table(deployed)

    def look(executions: Iterable[Execution]) -> Contents:
        wanted = sorted({key(e.answer, COLUMNS) for e in executions if e.answer})
        found: Counter[Key] = Counter()
        for start in range(0, len(wanted), MOST_AT_ONCE):
            keys = [{"incident_id": {"S": one}} for (one,) in wanted[start : start + MOST_AT_ONCE]]
            asked: Any = {
                table: {
                    "Keys": keys,
                    "ProjectionExpression": "incident_id, incident_stat",
                    "ConsistentRead": True,
                }
            }
            while asked:
                answer = client.batch_get_item(RequestItems=asked)
                items = answer["Responses"].get(table, [])
                found.update(
                    (item["incident_id"]["S"],)
                    for item in items
                    if item["incident_stat"]["S"] in OVER
                )
                asked = answer.get("UnprocessedKeys")
        return Contents({"incidents": COLUMNS}, {"incidents": found}, is_synthetic)

    return Inspector(look)


def is_synthetic(answer: Mapping[str, Any]) -> bool:
    """Return whether an answer is a smoke test's."""
    return str(answer.get("incident_id")).startswith(SYNTHETIC_PREFIX)


def _table(deployed: DeployedFlow) -> str:
    name: str = deployed.output["tables"]["incidents"]["name"]
    return name


HOOKS = FlowHooks(demo=demo, smoke=smoke, inspect=inspect)
