"""The hooks of the asynchronous polling: a service that answers later analyses texts."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from emulator.stand_ins import async_service
from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.errors import OperationError
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

SECRET = "flowbridge-local-async-polling-service"  # noqa: S105  a name, not a value
#: The example whose job never ends.
NEVER = "This text is never ready."
#: How often the progress of many calls is printed.
PROGRESS_SECONDS = 2
#: How long the cancellation of a job may take.
CANCEL_SECONDS = 20
MOST_WORDS = 5


def demo(deployed: DeployedFlow) -> None:
    """Analyse a text in three calls, a hundred documents at once, and a text that is never ready.

    Raises
    ------
    OperationError
        When an analysis does not end as it has to.
    """
    examples, url = EXAMPLES / deployed.name, endpoint(deployed)
    ask(url, "PUT", f"/behaviour/{urllib.parse.quote(NEVER)}", {"never": True})

    heading("A text is analysed in three calls, one after another")
    execution, _ = show_success(deployed, examples / "event.json")
    answer = execution.answer or {}
    show_words(answer["words"])
    show_calls(answer["calls"])

    heading("A hundred documents are analysed at once, one call each")
    with progress(deployed):
        execution, event = show_success(deployed, examples / "documents.json", ["CountDocument"])
    found = (execution.answer or {}).get("documents", [])
    if len(found) != len(event["detail"]["documents"]):
        raise OperationError(f"{len(found)} documents have a result.", look_into(execution))
    seconds = [call["runtimeSeconds"] for call in found]
    console.print(
        f"{len(found)} results, {sum(call['polls'] for call in found)} polls, "
        f"{sum(call['retries'] for call in found)} retries. A call took {min(seconds):.1f} to "
        f"{max(seconds):.1f} s, all of them together {execution.seconds or 0:.1f} s."
    )

    heading("A job that is never ready fails at its deadline")
    show_failure(deployed, examples / "never.json", "failed")
    console.print(f"The job is {cancelled(url)} at the service, so nothing is left behind.")
    show_next_steps(examples / "texts.jsonl", "SplitText")


def cancelled(url: str) -> str:
    """Return the status of the job that was never ready, once it is cancelled.

    Raises
    ------
    OperationError
        When it is not cancelled in time.
    """
    deadline = time.monotonic() + CANCEL_SECONDS
    while time.monotonic() < deadline:
        jobs = [job for job in ask(url, "GET", "/jobs") if NEVER in json.dumps(job["input"])]
        if jobs[-1]["status"] == async_service.CANCELLED:
            return async_service.CANCELLED
        time.sleep(0.5)
    raise OperationError(
        "The job runs on at the service.", "See the executions of the state machine '-call-cancel'."
    )


def show_words(words: list[dict[str, Any]]) -> None:
    """Print the most frequent words of a text, with a bar for each."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for word in words[:MOST_WORDS]:
        table.add_row(escape(word["word"]), str(word["times"]), "█" * word["times"])
    console.print(table)


def show_calls(calls: dict[str, dict[str, Any]]) -> None:
    """Print what each call took, and where its result is."""
    table = Table("call", "seconds", "polls", "retries", "result", box=None, pad_edge=False)
    for name, call in calls.items():
        place = call.get("resultLocation")
        result = f"s3://{place['bucket']}/{place['key']}" if place else "in the state"
        numbers = (str(call[key]) for key in ("runtimeSeconds", "polls", "retries"))
        table.add_row(name, *numbers, escape(result))
    console.print(table)


@contextmanager
def progress(deployed: DeployedFlow) -> Iterator[None]:
    """Print how many calls run and have ended, while the block runs."""
    client = deployed.client("stepfunctions")
    machine = deployed.output["children"]["call"]["state_machine_arn"]
    since, done = datetime.now(UTC), threading.Event()

    def look() -> None:
        while not done.wait(PROGRESS_SECONDS):
            pages = client.get_paginator("list_executions").paginate(stateMachineArn=machine)
            counts: Counter[str] = Counter()
            for page in pages:
                new = [e for e in page["executions"] if e["startDate"] >= since]
                counts.update(execution["status"] for execution in new)
                if len(new) < len(page["executions"]):
                    break
            texts = [f"{number} {status.lower()}" for status, number in sorted(counts.items())]
            console.print(f"  [dim]calls: {', '.join(texts) or 'none yet'}[/dim]")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def stand_ins(client: Clients, url: str) -> None:
    """Create the secret with the address and key of the service, which the emulator plays."""
    value = json.dumps({"url": url + async_service.PATH, "key": async_service.KEY})
    put_secret(client, SECRET, value)


def ask(url: str, method: str, path: str, body: Any = None) -> Any:
    """Call the service, and return its answer."""
    request = urllib.request.Request(  # noqa: S310  loopback
        url + async_service.PATH + path,
        method=method,
        headers={"x-api-key": async_service.KEY},
        data=None if body is None else json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


HOOKS = FlowHooks(demo=demo, stand_ins=stand_ins)
