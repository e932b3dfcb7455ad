"""Read events from a file and put them onto the bus, each accounted for."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
MAX_ENTRIES = 10
MAX_BYTES = 256 * 1024
#: Answers for one entry that are worth another try, from the same page.
TRANSIENT_CODES = frozenset({"ThrottlingException", "InternalFailure", "InternalException"})
ATTEMPTS = 4
#: Among an event's resources: it is of a smoke test, which removes what it did.
SYNTHETIC = "flowbridge:synthetic"


@dataclass(frozen=True)
class Event:
    """One event of a file: its line, and the entry for PutEvents."""

    line: int
    source: str
    detail_type: str
    detail: str
    #: A redriven event names its first event and its failed executions here.
    resources: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The bytes that EventBridge counts."""
        parts = (self.source, self.detail_type, self.detail, *self.resources)
        return sum(len(part.encode()) for part in parts)

    def entry(self, event_bus_name: str) -> dict[str, Any]:
        """Return the entry of a PutEvents call."""
        return {
            "Source": self.source,
            "DetailType": self.detail_type,
            "Detail": self.detail,
            "EventBusName": event_bus_name,
            "Resources": list(self.resources),
        }


@dataclass(frozen=True)
class Malformed:
    """A line that holds no event, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class Outcome:
    """The fate of one event: its id on the bus, or the reason why it is not there."""

    event: Event
    event_id: str | None
    reason: str | None


def read(text: str) -> list[Event | Malformed]:
    """Read one JSON object, or JSON objects one on a line.

    An event has EventBridge's own form: ``source``, ``detail-type`` and ``detail``; its other
    members are ignored, because the bus gives them. Lines are numbered from 1.
    """
    try:
        json.loads(text)
        lines = [text]
    except (ValueError, RecursionError):
        # Not splitlines(): a text in an event may hold what else ends a line in Unicode.
        lines = text.split("\n")
    return [_read_line(n, line) for n, line in enumerate(lines, start=1) if line.strip()]


def _read_line(number: int, line: str) -> Event | Malformed:
    try:
        return _event(number, json.loads(line))
    except json.JSONDecodeError as error:
        return Malformed(number, f"is not JSON: {error.msg} at column {error.colno}")
    except UnicodeEncodeError:
        return Malformed(number, "holds half of a surrogate pair, which is not a character")
    except ValueError:
        # The one other that Python's JSON raises.
        digits = sys.get_int_max_str_digits()
        return Malformed(number, f"holds a number of more than {digits:,} digits")
    except RecursionError:
        return Malformed(number, "is nested too deeply")


def _event(number: int, value: Any) -> Event | Malformed:
    if not isinstance(value, dict):
        return Malformed(number, f"is a JSON {_json_type(value)}, not an object")
    for name, kind in (("source", str), ("detail-type", str), ("detail", dict)):
        if name not in value:
            return Malformed(number, f"has no '{name}'")
        if not isinstance(value[name], kind):
            return Malformed(number, f"has a '{name}' that is a JSON {_json_type(value[name])}")
    resources = value.get("resources") or []
    if not isinstance(resources, list) or not all(isinstance(one, str) for one in resources):
        return Malformed(number, "has 'resources' that are not a list of texts")
    event = Event(
        line=number,
        source=value["source"],
        detail_type=value["detail-type"],
        detail=json.dumps(value["detail"], ensure_ascii=False, separators=(",", ":")),
        resources=tuple(resources),
    )
    if event.size > MAX_BYTES:
        return Malformed(
            number, f"has {event.size:,} bytes; EventBridge takes {MAX_BYTES:,} at most"
        )
    return event


def _json_type(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def batches(events: Iterable[Event], most: int = MAX_ENTRIES) -> Iterator[list[Event]]:
    """Group events, at most `most` each, into calls within the limits of PutEvents, in order."""
    batch: list[Event] = []
    size = 0
    for event in events:
        if batch and (len(batch) == most or size + event.size > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += event.size
    if batch:
        yield batch


class Publisher:
    """Puts events onto one bus.

    Parameters
    ----------
    client
        A boto3 ``events`` client.
    event_bus_name
        The bus.
    sleep
        Waits between tries; a test passes its own.
    """

    def __init__(self, client: Any, event_bus_name: str, sleep: Any = time.sleep) -> None:
        self._client = client
        self._bus = event_bus_name
        self._sleep = sleep

    def publish(self, events: Iterable[Event]) -> Iterator[Outcome]:
        """Put events, and yield what became of each.

        A call that fails as a whole raises boto3's error; entries that the bus refuses
        (``FailedEntryCount``) are tried again when that can help, then yielded with the reason.
        """
        for batch in batches(events):
            yield from self._publish_batch(batch)

    def _publish_batch(self, batch: Sequence[Event]) -> Iterator[Outcome]:
        waiting = list(batch)
        for attempt in range(1, ATTEMPTS + 1):
            answer = self._client.put_events(Entries=[e.entry(self._bus) for e in waiting])
            again = []
            for event, result in zip(waiting, answer["Entries"], strict=True):
                code = result.get("ErrorCode")
                if code in TRANSIENT_CODES and attempt < ATTEMPTS:
                    again.append(event)
                elif code is not None:
                    yield Outcome(event, None, f"{code}: {result.get('ErrorMessage', '')}")
                else:
                    yield Outcome(event, result["EventId"], None)
            if not again:
                return
            waiting = again
            self._sleep(0.2 * 2**attempt)
