"""The hooks of the business rules: requests become premiums, by rules that change at any time."""

from __future__ import annotations

import json
import secrets
import uuid
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rich.table import Table

from emulator.stand_ins import rules_engine
from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.flows import Clients, DeployedFlow, FlowHooks
from ops.local.demo import EXAMPLES, endpoint
from ops.local.signed import SECONDS, Keys, call
from ops.local.stand_ins import put_secret

SECRET = "flowbridge-local-rules-engine"  # noqa: S105  a name, not a value
PATH = "/ExecuteRuleSet"
ROOT = Keys()
NEW_PERCENT = "percent: 25"


def demo(deployed: DeployedFlow) -> None:
    """Send requests, change the rules, and show the premiums and the audit.

    Raises
    ------
    OperationError
        When a premium is not the expected one.
    """
    folder = EXAMPLES / deployed.name
    rules = (folder / "rules.yaml").read_text(encoding="utf-8")
    young, older = (
        json.loads((folder / f"{n}.json").read_text()) for n in ("high_risk", "med_risk")
    )
    at_boundary = changed(young, age="21")
    publish(deployed, rules)

    heading("Drivers ask for the premium of a red sports car that costs 300")
    asked = []
    for who, request, wanted in (
        ("18 years old", young, "360"),
        ("22 years old", older, "330"),
        ("21 years old", at_boundary, "330"),
        ("18 years old, blue car", changed(young, color="BLUE"), "300"),
    ):
        request = with_new_id(request)
        asked.append(request["context"]["request_id"])
        status, body = ask(deployed, request)
        policy = body.get("response", {})
        mark = "[green]✓[/green]" if status == HTTPStatus.OK else "[red]✗[/red]"
        text = (
            f"{who:24} {status} premium {policy.get('premium')}, rule {policy.get('rule', 'none')}"
        )
        console.print(f"{mark} {escape(text)}")
        if policy.get("premium") != wanted:
            raise OperationError(
                f"The premium of a driver who is {who} is {body}.", f"It should be {wanted}."
            )
    show_states(deployed)

    heading("The rules change in the engine; the flow stays as it is")
    publish(deployed, rules.replace("percent: 20", NEW_PERCENT))
    repeated = {**young, "context": {**young["context"], "request_id": asked[0]}}
    table = Table("request", "premium", box=None, pad_edge=False)
    for name, request, wanted in (
        ("a new one, 18 years old", with_new_id(young), "375"),
        (f"{asked[0]} again: its answer stays", repeated, "360"),
    ):
        _, body = ask(deployed, request)
        table.add_row(name, str(body.get("response", {}).get("premium")))
        if body.get("response", {}).get("premium") != wanted:
            raise OperationError(f"The premium is {body}.", f"It should be {wanted}.")
    console.print(table)
    publish(deployed, rules)

    heading("What is refused")
    table = Table("request", "status", "message", box=None, pad_edge=False)
    for name, request in (
        ("another request with the same id", {**changed(repeated, age="50")}),
        ("a driver who is -1 years old", with_new_id(changed(young, age="-1"))),
    ):
        status, body = ask(deployed, request)
        table.add_row(name, str(status), escape(str(body["message"])))
    status, body = ask(deployed, with_new_id(young), keys=None)
    table.add_row("no signature", str(status), escape(str(body["message"])))
    console.print(table)

    heading(f"The audit of {asked[0]}")
    show_audit(deployed, asked[0])
    heading("The local environment is up. Go on with")
    console.print("  make watch FLOW=business_rules         see the executions")
    console.print("  make dead-letters FLOW=business_rules  see the requests that got no premium")


def show_states(deployed: DeployedFlow) -> None:
    """Print the states of the newest execution, as its log has them."""
    executions = deployed.workflow.executions(deployed.client)
    for execution in executions.newest(1):
        heading(f"The states of {execution.name}, from the log of the Express state machine")
        for run in executions.history(execution.arn):
            console.print(f"  [green]✓[/green] {run.name:16} {run.seconds or 0:.2f} s")


def show_audit(deployed: DeployedFlow, request_id: str) -> None:
    """Print the two items of a request."""
    table = Table("entry_type", "time_stamp", "times", "raw_data", box=None, pad_edge=False)
    for item in audit(deployed, request_id):
        times = item.get("times_asked") or item["times_answered"]
        table.add_row(
            item["entry_type"]["S"],
            item["time_stamp"]["S"],
            times["N"],
            escape(item["raw_data"]["S"]),
        )
    console.print(table)


def audit(deployed: DeployedFlow, request_id: str) -> list[dict[str, Any]]:
    """Return the items of a request in the audit."""
    found: list[dict[str, Any]] = deployed.client("dynamodb").query(
        TableName=deployed.output["tables"]["audit"]["name"],
        KeyConditionExpression="request_id = :id",
        ExpressionAttributeValues={":id": {"S": request_id}},
        ConsistentRead=True,
    )["Items"]
    return found


def changed(request: dict[str, Any], age: str | None = None, **car: str) -> dict[str, Any]:
    """Return a request with another age, or a changed car."""
    inner = request["request"]
    driver = {**inner["driver"], **({"age": age} if age else {})}
    return {**request, "request": {**inner, "driver": driver, "car": {**inner["car"], **car}}}


def with_new_id(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request with a request_id that no other has."""
    context = {**request["context"], "request_id": f"REQ-{uuid.uuid4().hex[:12]}"}
    return {**request, "context": context}


def ask(deployed: DeployedFlow, request: Any, keys: Keys | None = ROOT) -> tuple[int, Any]:
    """Return the status and body of the API's answer to a request, signed with keys."""
    return call(deployed.output["apis"]["rules"]["url"] + PATH, request, keys)


def publish(deployed: DeployedFlow, rules: str) -> None:
    """Give the local engine a file of rules.

    Raises
    ------
    OperationError
        When the engine refuses it.
    """
    token = deployed.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]
    put_rules(endpoint(deployed), token, rules)


def put_rules(url: str, token: str, rules: str) -> None:
    """Put a file of rules into the engine at the emulator's URL.

    Raises
    ------
    OperationError
        When the engine refuses it.
    """
    headers = {"Authorization": f"Bearer {token}"}
    asked = Request(url + rules_engine.RULES_PATH, rules.encode(), headers, method="PUT")  # noqa: S310
    try:
        urlopen(asked, timeout=SECONDS).close()  # noqa: S310  loopback
    except HTTPError as error:
        reason = json.load(error)["message"]
        raise OperationError(
            f"The rules engine refused the rules ({HTTPStatus(error.code).phrase}): {reason}.",
            "Correct the file of rules.",
        ) from None


def stand_ins(client: Clients, url: str) -> None:
    """Create the secret with the token of the rules engine, and give the engine its rules."""
    token = put_secret(client, SECRET, secrets.token_urlsafe(32))
    rules = EXAMPLES / "business_rules" / "rules.yaml"
    put_rules(url, token, rules.read_text(encoding="utf-8"))


HOOKS = FlowHooks(demo=demo, stand_ins=stand_ins)
