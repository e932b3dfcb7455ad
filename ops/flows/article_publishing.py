"""The hooks of the article publishing: revisions of articles become posts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from rich.table import Table

from emulator.stand_ins import blog_platforms
from ops.cli.screens import escape, indented_json
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.executions.executions import Execution
from ops.executions.follow import follow_named
from ops.flows import DeployedFlow, FlowHooks
from ops.local.demo import EXAMPLES, endpoint, look_into, queued
from ops.recovery.places import Contents, Inspector, Key

#: The CMS signs with it on this computer.
WEBHOOK_SECRET = "local-webhook-secret"  # noqa: S105  nothing outside of this computer has it


def demo(deployed: DeployedFlow) -> None:
    """Publish an article, the same again, and a revision that one platform refuses.

    Raises
    ------
    OperationError
        When the articles are not where they have to be.
    """
    examples, url = EXAMPLES / deployed.name, endpoint(deployed)
    put_tokens(deployed)
    document = read(examples / "document.json")
    categories = read(examples / "categories.json")
    ask(url, "PUT", f"/cms/{document['_id']}", {"categories": categories})
    # Each demo publishes a revision of its own.
    run = f"{time.time_ns():x}"

    heading("The CMS sends an article without its categories, which the webhook fetches")
    first = {**document, "_rev": f"{document['_rev']}-{run}"}
    execution = publish(deployed, first)
    if execution.status != "SUCCEEDED":
        raise OperationError(f"The publication ended as {execution.status}.", look_into(execution))
    show_outcomes(execution)

    heading("The post on Dev.to")
    posts = ask(url, "GET", "/posts")["devto"]
    post = next(p for u, p in posts.items() if u.endswith(document["slug"]["current"]))
    console.print(f"[bold]{escape(post['title'])}[/bold]  tags: {', '.join(post['tags'])}")
    console.print(escape(post["body_markdown"]))

    heading("The CMS repeats the revision, and a forgery arrives")
    for what, signed_with in (("the same revision", WEBHOOK_SECRET), ("a forgery", "guessed")):
        status, answer = send(deployed, first, signed_with)
        console.print(f"{what}: {status} {escape(answer['message'])}")

    heading("A revision that Dev.to refuses")
    ask(url, "PUT", "/devto", {"status": HTTPStatus.UNPROCESSABLE_ENTITY})
    revision = read(examples / "revision.json")
    execution = publish(deployed, {**revision, "_rev": f"{revision['_rev']}-{run}"})
    if execution.status != "FAILED":
        raise OperationError(f"The publication ended as {execution.status}.", look_into(execution))
    heading("Its message in the failed-articles queue, from which Dev.to alone is asked again")
    message = json.loads(queued(deployed, execution))
    message["event"]["detail"] = {
        name: value for name, value in message["event"]["detail"].items() if name != "body"
    }
    console.print(escape(indented_json(json.dumps(message))), soft_wrap=True)

    heading("The local environment is up. Go on with")
    console.print(
        f"  make redrive FLOW={deployed.name} ALL=yes   publish to Dev.to",
        "  make watch                                 see the executions, live",
        "  make down                                  stop everything",
        sep="\n",
    )


def publish(deployed: DeployedFlow, document: dict[str, Any]) -> Execution:
    """Send a document as the CMS does, and show its publication until it has ended.

    Raises
    ------
    OperationError
        When the webhook does not take the document.
    """
    status, answer = send(deployed, document, WEBHOOK_SECRET)
    if status != HTTPStatus.ACCEPTED:
        raise OperationError(f"The webhook answered {status}: {answer}.", "See its function's log.")
    console.print(f"[green]✓[/green] POST /webhook: {status}, execution {answer['execution']}")
    execution, _ = follow_named(deployed.workflow.executions(deployed.client), answer["execution"])
    color = "green" if execution.status == "SUCCEEDED" else "yellow"
    console.print(f"  [{color}]{execution.status}[/{color}]", execution.error or "")
    return execution


def show_outcomes(execution: Execution) -> None:
    """Print where an article was published."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for target in (execution.answer or {})["targets"]:
        table.add_row(target["target"], target["outcome"], escape(target.get("url", "")))
    console.print(table)


def put_tokens(deployed: DeployedFlow) -> None:
    """Put the tokens into the secrets, which their owners do elsewhere."""
    secrets = deployed.client("secretsmanager")
    values = {**blog_platforms.TOKENS, "webhook": WEBHOOK_SECRET}
    for name, secret in deployed.output["secrets"].items():
        secrets.put_secret_value(SecretId=secret["name"], SecretString=values[name])


def send(deployed: DeployedFlow, document: dict[str, Any], secret: str) -> tuple[int, Any]:
    """Send a document to the webhook, signed; return the status and the answer."""
    body, now = json.dumps(document).encode(), time.time_ns() // 1_000_000
    request = urllib.request.Request(  # noqa: S310  loopback
        f"{deployed.output['apis']['webhook']['url']}/webhook",
        method="POST",
        data=body,
        headers={
            "Content-Type": "application/json",
            "sanity-webhook-signature": f"t={now},v1={signature(now, body, secret)}",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def signature(now: int, body: bytes, secret: str) -> str:
    """Return the signature of a body at a time in milliseconds, as the CMS makes it."""
    digest = hmac.new(secret.encode(), b"%d." % now + body, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def ask(url: str, method: str, path: str, body: Any = None) -> Any:
    """Call the stand-in of the platforms, and return its answer."""
    request = urllib.request.Request(  # noqa: S310  loopback
        url + blog_platforms.PATH + path, method=method, data=json.dumps(body).encode()
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def read(file: Path) -> Any:
    """Return the content of an example."""
    return json.loads(file.read_text(encoding="utf-8"))


def posts(executions: Iterable[Execution]) -> Contents:
    """Return how often each revision was posted to each target, as executions report it."""
    made: Counter[Key] = Counter()
    for answer in (execution.answer for execution in executions):
        for target in (answer or {}).get("targets", []):
            if answer and target["outcome"] == "published":
                made[answer["document"], answer["revision"], target["target"]] += 1
    return Contents({}, {"posts": made})


def inspect(_: DeployedFlow) -> Inspector:
    """Return what counts the posts of executions."""
    return Inspector(posts)


HOOKS = FlowHooks(demo=demo, inspect=inspect)
