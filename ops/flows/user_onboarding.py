"""The hooks of the user onboarding: sign-ups become users with a space and a welcome mail."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rich.table import Table

from emulator.stand_ins import team_webhook
from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.executions.executions import Execution
from ops.flows import Clients, DeployedFlow, FlowHooks
from ops.local.demo import (
    EXAMPLES,
    endpoint,
    look_into,
    show_failure,
    show_next_steps,
    show_success,
)
from ops.local.stand_ins import put_secret
from ops.recovery.places import Contents, Inspector, Key, key

#: The attributes that identify a user in the table.
COLUMNS = ("tenantId", "userId")
#: The limit of BatchGetItem.
MOST_AT_ONCE = 100
#: Calls of Query at the same time.
WORKERS = 10
#: The index of the table that finds users by the execution that made them.
INDEX = "execution"
WEBHOOK_SECRET = "flowbridge-local-team-webhook"  # noqa: S105  a name, not a value
MAILS_PATH = "/_ministack/ses/messages"
FORGOTTEN = "[dim]the local environment does not keep it any longer[/dim]"


def demo(deployed: DeployedFlow) -> None:
    """Send the two examples; show the user, the space, the mail, and the message in the queue.

    Raises
    ------
    OperationError
        When the sign-ups do not arrive there.
    """
    examples = EXAMPLES / deployed.name
    heading("A user signs up")
    execution, event = show_success(deployed, examples / "event.json")
    signup, url = event["detail"], endpoint(deployed)

    heading("The user in the tenants' table")
    identity = {column: {"S": signup[column]} for column in COLUMNS}
    item = deployed.client("dynamodb").get_item(TableName=_table(deployed), Key=identity)
    if "Item" not in item:
        raise OperationError(f"There is no user {signup['userId']}.", look_into(execution))
    table = Table(box=None, show_header=False, pad_edge=False)
    for attribute, value in item["Item"].items():
        table.add_row(f"[dim]{attribute}[/dim]", escape(value["S"]))
    console.print(table)

    heading("The user's space")
    bucket = deployed.output["buckets"]["spaces"]["name"]
    prefix = f"{signup['tenantId']}/{signup['userId']}/"
    found = deployed.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    if not found["KeyCount"]:
        raise OperationError(f"s3://{bucket}/{prefix} does not exist.", look_into(execution))
    console.print(f"s3://{bucket}/{prefix}")

    heading("The welcome mail")
    mails = [
        mail
        for account in _get(url + MAILS_PATH)["messages"].values()
        for mail in account
        if mail["To"] == [signup["email"]]
    ]
    for mail in mails[-1:]:
        console.print(f"To: {signup['email']}", f"Subject: {escape(mail['Subject'])}", sep="\n")
        console.print(f"\n{escape(mail['BodyText'].strip())}")
    console.print(*([] if mails else [FORGOTTEN]))

    heading("The message to the team")
    texts = [text for text in _get(url + team_webhook.PATH) if signup["userId"] in text]
    console.print(escape(texts[-1]) if texts else FORGOTTEN)

    heading("A bad sign-up arrives on the bus")
    show_failure(deployed, examples / "bad_event.json", "failed-signups")
    show_next_steps(examples / "signups.jsonl", "CreateUser")


def inspect(deployed: DeployedFlow) -> Inspector:
    """Return what reads the users of executions from the table."""
    client = deployed.client("dynamodb")
    table = _table(deployed)

    def look(executions: Iterable[Execution]) -> Contents:
        wanted = sorted({key(e.answer, COLUMNS) for e in executions if e.answer})
        found: Counter[Key] = Counter()
        for start in range(0, len(wanted), MOST_AT_ONCE):
            some = wanted[start : start + MOST_AT_ONCE]
            asked: Any = {
                table: {
                    "Keys": [{c: {"S": v} for c, v in zip(COLUMNS, k, strict=True)} for k in some],
                    "ProjectionExpression": ", ".join(COLUMNS),
                    "ConsistentRead": True,
                }
            }
            while asked:
                answer = client.batch_get_item(RequestItems=asked)
                items = answer["Responses"].get(table, [])
                found.update(tuple(item[c]["S"] for c in COLUMNS) for item in items)
                asked = answer.get("UnprocessedKeys")
        return Contents({"users": COLUMNS}, {"users": found})

    def made_a_user(execution: Execution) -> bool:
        found = client.query(
            TableName=table,
            IndexName=INDEX,
            KeyConditionExpression="#execution = :execution",
            ExpressionAttributeNames={"#execution": "execution"},
            ExpressionAttributeValues={":execution": {"S": execution.arn}},
            Select="COUNT",
        )
        return bool(found["Count"])

    def complete(executions: Iterable[Execution]) -> set[str]:
        every = list(executions)
        with ThreadPoolExecutor(WORKERS) as pool:
            made = pool.map(made_a_user, every)
            return {
                execution.name for execution, is_made in zip(every, made, strict=True) if is_made
            }

    return Inspector(look, complete)


def stand_ins(client: Clients, url: str) -> None:
    """Create the secret with the webhook of the team's chat, which the emulator plays."""
    put_secret(client, WEBHOOK_SECRET, url + team_webhook.PATH)


def _table(deployed: DeployedFlow) -> str:
    """Return the name of the table of users."""
    name: str = deployed.output["tables"]["users"]["name"]
    return name


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  loopback
        return json.load(answer)


HOOKS = FlowHooks(demo=demo, inspect=inspect, stand_ins=stand_ins)
