"""``make send``: put the events of a file onto the bus, and say what became of each line."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.markup import escape

from ops.errors import OperationError
from ops.events import Event, Malformed, Publisher, read
from ops.terminal import console, errors


def read_file(name: str) -> list[Event | Malformed]:
    """Read the events of a file, or of standard input when the name is ``-``.

    Raises
    ------
    OperationError
        When the file cannot be read or holds nothing.
    """
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperationError(
            f"{name} cannot be read: {error}.",
            "Name a file with: make send FILE=examples/crm_registration/event.json",
        ) from error
    items = read(text)
    if not items:
        raise OperationError(
            f"{name} holds no event.", "Write one JSON object, or one on each line."
        )
    return items


def send(publisher: Publisher, items: list[Event | Malformed]) -> tuple[list[str], int]:
    """Publish what is well formed; report every line that did not get onto the bus.

    Returns
    -------
    tuple
        The ids of the events on the bus, and the number of lines that are not there.
    """
    refused = 0
    for item in items:
        if isinstance(item, Malformed):
            refused += 1
            errors.print(f"[red]line {item.line}[/red] {escape(item.reason)}")
    sent = []
    for outcome in publisher.publish(item for item in items if isinstance(item, Event)):
        if outcome.event_id is not None:
            sent.append(outcome.event_id)
            if len(items) <= 20:
                console.print(f"line {outcome.event.line}: event {outcome.event_id}")
        else:
            refused += 1
            errors.print(
                f"[red]line {outcome.event.line}[/red] was refused by the bus: "
                f"{escape(outcome.reason or '')}"
            )
    console.print(f"{len(sent)} sent, {refused} not sent")
    return sent, refused
