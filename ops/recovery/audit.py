"""The bus's audit log: which events were accepted and discarded, and nothing of what they say."""

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
#: Of the messages that operators discarded.
DISCARDED_STREAM = "discarded"


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


@dataclass(frozen=True)
class Discarded:
    """The decision to go no further with an event: when, by whom, and why.

    `id` is the event's; of a message without an event it is the message's.
    """

    id: str
    at: datetime
    by: str
    reason: str


def discarded(message: str, timestamp: int) -> Discarded | None:
    """Return the decision in a line of the audit log; None if the line has none."""
    try:
        line = json.loads(message)
        at = datetime.fromtimestamp(timestamp / 1000, UTC)
        return Discarded(line["discarded"], at, line["by"], line["reason"])
    except (ValueError, KeyError, TypeError):
        return None


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
    return _put(client, group, STREAM, event.at, line)


def write_discarded(client: Any, group: str, decision: Discarded) -> bool:
    """Write to the log that an event was discarded; return whether the log took it.

    Parameters
    ----------
    client
        A boto3 ``logs`` client.
    group
        The log group.
    decision
        The decision.
    """
    line = {"discarded": decision.id, "by": decision.by, "reason": decision.reason}
    return _put(client, group, DISCARDED_STREAM, decision.at, line)


def _put(client: Any, group: str, stream: str, at: datetime, line: dict[str, str]) -> bool:
    with suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_stream(logGroupName=group, logStreamName=stream)
    answer = client.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": int(at.timestamp() * 1000), "message": json.dumps(line)}],
    )
    return not answer.get("rejectedLogEventsInfo")
