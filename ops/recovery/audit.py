"""The bus's audit log: which events were accepted, and nothing of what they say."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.executions.events import SYNTHETIC
from ops.recovery.dead_letters import DeadLetter, first_id

#: Of the lines that EventBridge could not write.
STREAM = "redriven"


@dataclass(frozen=True)
class Accepted:
    """An event that the bus accepted, from the audit log."""

    id: str
    at: datetime
    source: str
    detail_type: str
    resources: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The id that the event had when it was sent first."""
        return first_id(self.resources, self.id)

    @property
    def is_synthetic(self) -> bool:
        """Whether it is of a smoke test, which removes what it did."""
        return SYNTHETIC in self.resources


def audited(message: str, timestamp: int) -> Accepted | None:
    """Return the event in a line of the audit log; None if the line has none."""
    try:
        line = json.loads(message)
        return Accepted(
            line["id"],
            datetime.fromtimestamp(timestamp / 1000, UTC),
            line["source"],
            line["detail_type"],
            # EventBridge writes a list within a text without its quotes.
            tuple(part.strip() for part in line["resources"].strip("[]").split(",") if part),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def unaudited(letter: DeadLetter) -> Accepted | None:
    """Return the event that could not be written to the log; nothing if the message holds none."""
    event = letter.event or {}
    if not isinstance(event.get("id"), str):
        return None
    return Accepted(
        event["id"],
        letter.since,
        event["source"],
        event["detail-type"],
        tuple(str(resource) for resource in event.get("resources") or ()),
    )


def write(client: Any, group: str, event: Accepted) -> bool:
    """Write an event to the log, as EventBridge does; return whether the log took it.

    It takes none that is older than what it keeps, or than 14 days.

    Parameters
    ----------
    client
        A boto3 ``logs`` client.
    group
        The log group.
    event
        What to write; an event that is there twice is one.
    """
    line = {
        "id": event.id,
        "source": event.source,
        "detail_type": event.detail_type,
        "resources": f"[{', '.join(event.resources)}]",
    }
    with suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_stream(logGroupName=group, logStreamName=STREAM)
    answer = client.put_log_events(
        logGroupName=group,
        logStreamName=STREAM,
        logEvents=[
            {"timestamp": int(event.at.timestamp() * 1000), "message": json.dumps(line)},
        ],
    )
    return not answer.get("rejectedLogEventsInfo")
