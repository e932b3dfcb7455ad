"""``make send``: put the events of a file onto the bus, and say what became of each line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from botocore.exceptions import ClientError
from rich.markup import escape

from ops.aws.clients import AWS_ERRORS, as_operation_error
from ops.cli.terminal import console, errors
from ops.errors import OperationError
from ops.executions.events import MAX_ENTRIES, Event, Malformed, Publisher, batches, read
from ops.executions.patterns import Pattern, matches

#: Maximum number of lines to name.
NAMED_LINES = 5


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
            "Name another file: make send FILE=<file of events>.",
        ) from error
    items = read(text)
    if not items:
        raise OperationError(
            f"{name} holds no event.", "Write one JSON object, or one on each line."
        )
    return items


def send(
    publisher: Publisher,
    items: list[Event | Malformed],
    per_second: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[list[str], int]:
    """Publish what is well formed; report every line that did not get onto the bus.

    Parameters
    ----------
    publisher
        The bus.
    items
        The lines of the file.
    per_second
        The most events a second; without it, as fast as the bus takes them.
    sleep
        Waits between calls; a test passes its own.

    Returns
    -------
    tuple
        The ids of the events on the bus, and the number of lines that are not there.

    Raises
    ------
    OperationError
        When a call fails as a whole, once every line is accounted for.
    """
    refused = 0
    for item in items:
        if isinstance(item, Malformed):
            refused += 1
            errors.print(f"[red]line {item.line}[/red] {escape(item.reason)}")
    sent: list[str] = []
    waiting = {item.line: item for item in items if isinstance(item, Event)}
    # At a low rate, a full batch would be a burst.
    most = MAX_ENTRIES if per_second is None else max(1, min(MAX_ENTRIES, int(per_second)))
    pause = 0.0
    for batch in batches(list(waiting.values()), most):
        if pause:
            sleep(pause)
        pause = len(batch) / per_second if per_second else 0.0
        try:
            for outcome in publisher.publish(batch):
                del waiting[outcome.event.line]
                if outcome.event_id is None:
                    refused += 1
                    errors.print(
                        f"[red]line {outcome.event.line}[/red] was refused by the bus: "
                        f"{escape(outcome.reason or '')}"
                    )
                    continue
                sent.append(outcome.event_id)
                if len(items) <= 20:
                    console.print(f"line {outcome.event.line}: event {outcome.event_id}")
        except AWS_ERRORS as error:
            unanswered = [event.line for event in batch if event.line in waiting]
            raise _broken_off(error, len(sent), refused, unanswered, len(waiting)) from error
    console.print(f"{len(sent)} sent, {refused} not sent")
    return sent, refused


def taken_by_none(items: Sequence[Event | Malformed], patterns: Sequence[Pattern]) -> Iterator[str]:
    """Yield a sentence for each kind of event that no rule takes, with the lines of its events.

    Parameters
    ----------
    items
        The lines of the file.
    patterns
        Those of every rule of the environment's flows.
    """
    lines: dict[tuple[str, str], list[int]] = {}
    for event in (item for item in items if isinstance(item, Event)):
        named = event.source, event.detail_type, event.resources
        if not any(matches(pattern, *named) for pattern in patterns):
            lines.setdefault((event.source, event.detail_type), []).append(event.line)
    for (source, detail_type), numbers in lines.items():
        first = ", ".join(map(str, numbers[:NAMED_LINES]))
        rest = f" and {len(numbers) - NAMED_LINES:,} more" if numbers[NAMED_LINES:] else ""
        yield (
            f"No flow takes events of source '{source}' and detail-type '{detail_type}' "
            f"(line {first}{rest}). They are in the bus's archive, and start nothing."
        )


def _broken_off(
    error: Exception, sent: int, refused: int, unanswered: list[int], waiting: int
) -> OperationError:
    """Account for the lines of a call that failed as a whole, and for those after it."""
    # AWS refused these events. After a lost answer, they may be on the bus.
    fate = "not sent" if isinstance(error, ClientError) else "perhaps sent: no answer came"
    for line in unanswered:
        errors.print(f"[red]line {line}[/red] {fate}")
    after = waiting - len(unanswered)
    if after:
        errors.print(f"[red]the {after:,} events after line {unanswered[-1]}[/red] not sent")
    if isinstance(error, ClientError):
        console.print(f"{sent} sent, {refused + waiting} not sent")
    else:
        console.print(f"{sent} sent, {len(unanswered)} perhaps, {refused + after} not sent")
    return OperationError(
        f"Sending broke off at line {unanswered[0]}. {as_operation_error(error).problem}",
        f"Correct that, and send line {unanswered[0]} and all after it again.",
    )
