"""The demo of the call recording archival: calls of one day become a quarter of their size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.errors import OperationError
from ops.flows import DeployedFlow
from ops.flows.call_recording_archival import prices
from ops.flows.call_recording_archival.recordings import form_of, recording
from ops.local.demo import EXAMPLES, look_into, show_failure, show_next_steps, show_success
from ops.recovery import dead_letters

#: The day of examples/call_recording_archival/event.json.
DAY = "2022/01/01"
#: The calls of the day: names, seconds and tags.
CALLS = (
    ("8e1f-agent-ada_20220101T09:15_UTC.wav", 12.0, ""),
    ("31c7-agent-bob_20220101T10:02_UTC.wav", 20.0, "team=billing&case=4711"),
    ("a b+c/häppy call_20220101T11:40_UTC.wav", 8.0, ""),
)
BROKEN = "f00d-broken_20220101T12:00_UTC.wav"
NOTES = "notes.txt"


@dataclass(frozen=True)
class Stored:
    """An object of the bucket: its bytes, and where S3 keeps it."""

    content: bytes
    storage_class: str
    tags: dict[str, str]


def demo(deployed: DeployedFlow) -> None:
    """Record calls, archive their day, and show them before and after.

    Raises
    ------
    OperationError
        When a call was not archived.
    """
    where = deployed.output["recordings"]
    bucket, prefix = where["bucket"], f"{where['prefix']}{DAY}/"
    s3 = deployed.client("s3")
    heading(f"Calls of the day in s3://{bucket}/{prefix}")
    for name, seconds, tags in CALLS:
        s3.put_object(Bucket=bucket, Key=prefix + name, Body=recording(seconds), Tagging=tags)
    s3.put_object(Bucket=bucket, Key=prefix + BROKEN, Body=recording(2.0)[:9_000])
    s3.put_object(Bucket=bucket, Key=prefix + NOTES, Body=b"not a recording")
    before = {name: stored(s3, bucket, prefix + name) for name, _, _ in CALLS}
    console.print(f"{len(CALLS)} calls, a broken recording, and a file that is not a recording")

    heading("The day is archived")
    execution, _ = show_success(deployed, EXAMPLES / deployed.name / "event.json")
    answer = execution.answer or {}
    console.print(f"{answer.get('queued')} queued, {answer.get('others')} other file")

    heading("The calls before and after")
    after = {name: stored(s3, bucket, prefix + name) for name, _, _ in CALLS}
    console.print(comparison(before, after))
    for name, found in after.items():
        if found.tags.get("converted") != "True":
            raise OperationError(f"{name} was not archived.", look_into(execution))

    heading("The broken recording is a dead letter")
    for letter in letters(deployed):
        if json.loads(letter.raw["Body"]).get("key") == prefix + BROKEN:
            console.print(f"[red]{letter.error}[/red]: {escape(letter.cause)}")
            break
    else:
        raise OperationError(
            "The broken recording is not among the dead letters.", look_into(execution)
        )

    heading("A wrong day arrives on the bus")
    show_failure(deployed, EXAMPLES / deployed.name / "bad_event.json", "failed")

    heading("3 million minutes a month, kept for six years")
    console.print(costs())
    show_next_steps(EXAMPLES / deployed.name / "event.json", "QueueRecordings")


def letters(deployed: DeployedFlow) -> list[dead_letters.DeadLetter]:
    """Return the dead letters of the queue of recordings."""
    [consumer] = deployed.workflow.consumers
    url = consumer.dead_letter_queue_url
    return dead_letters.look(deployed.client("sqs"), dead_letters.UNPROCESSED, url)


def stored(s3: Any, bucket: str, key: str) -> Stored:
    """Return an object."""
    found = s3.get_object(Bucket=bucket, Key=key)
    tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    return Stored(
        found["Body"].read(),
        found.get("StorageClass", "STANDARD"),
        {tag["Key"]: tag["Value"] for tag in tags},
    )


def comparison(before: dict[str, Stored], after: dict[str, Stored]) -> Table:
    """Return a table of the recordings."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("recording", "", "bytes", "form", "class", "tags"):
        table.add_column(column, justify="right" if column == "bytes" else "left")
    for name, old in before.items():
        for label, one in (("before", old), ("after", after[name])):
            table.add_row(
                escape(name) if label == "before" else "",
                label,
                f"{len(one.content):,}",
                str(form_of(one.content)),
                one.storage_class,
                escape(", ".join(f"{key}={value}" for key, value in sorted(one.tags.items()))),
            )
    return table


def costs() -> Table:
    """Return the costs of each year."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("year", "S3 Standard", "resampling", "resampling and archive"):
        table.add_column(column, justify="right")
    rows = prices.table()
    for row in rows:
        table.add_row(
            str(row.year),
            *(f"${value:,.0f}" for value in (row.standard, row.resampling, row.total)),
        )
    sums = (
        sum(round(getattr(row, name)) for row in rows)
        for name in ("standard", "resampling", "total")
    )
    table.add_row("total", *(f"${value:,}" for value in sums))
    return table
