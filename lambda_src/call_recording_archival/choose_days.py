"""ChooseDays: the days whose recordings are archived now, the oldest first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from call_recording_archival.errors import InvalidEvent
from flowbridge import config
from flowbridge.clients import client
from flowbridge.errors import ConfigurationError
from flowbridge.event_detail import read_detail
from flowbridge.logs import get_logger
from flowbridge.schema import Validator, read_schema

log = get_logger("choose_days")
validator = Validator(read_schema(__file__, "event.schema.json"))


def handler(event: Any, _context: object) -> dict[str, Any]:
    """Return the days.

    Parameters
    ----------
    event
        An event of the bus or of the schedule.

    Returns
    -------
    dict
        ``days`` as ``YYYY-MM-DD``, and ``watermark``: the last of them, if the watermark moves to
        it.

    Raises
    ------
    InvalidEvent
        When the event has no valid time or day, or a day that is too young.
    """
    detail = read_detail(event, "event", dict, validator, InvalidEvent)
    newest = moment_of(event).date() - timedelta(days=whole_number("NUM_DAYS_AGE"))
    asked = detail.get("specific_date", "")
    if asked:
        return {"days": [str(chosen(asked, newest))], "watermark": None}
    first = first_day(watermark(), newest)
    found = days_between(first, newest)[: whole_number("MOST_DAYS")]
    log.info("days chosen", extra={"first": str(first), "count": len(found)})
    return {"days": [*map(str, found)], "watermark": str(found[-1]) if found else None}


def moment_of(event: Any) -> datetime:
    """Return the time of an event."""
    try:
        moment = datetime.fromisoformat(event["time"])
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent("the event is not valid: time: must be a time") from None
    return moment.astimezone(UTC)


def chosen(text: str, newest: date) -> date:
    """Return the day that an event names."""
    try:
        day = datetime.strptime(text, "%m/%d/%Y").replace(tzinfo=UTC).date()
    except ValueError:
        raise InvalidEvent("the event is not valid: specific_date: must exist") from None
    if day > newest:
        # The analytics of a younger recording may still need both channels.
        raise InvalidEvent(f"the event is not valid: specific_date: must be {newest} or earlier")
    return day


def watermark() -> str | None:
    """Return the last day of which every recording was queued and handled, if there is one."""
    item = client("dynamodb").get_item(
        TableName=config.required("STATE_TABLE"),
        Key={"name": {"S": "watermark"}},
        ConsistentRead=True,
    )
    found: str | None = item.get("Item", {}).get("day", {}).get("S")
    return found


def first_day(last: str | None, newest: date) -> date:
    """Return the first day after the last one that was archived."""
    if last is not None:
        return date.fromisoformat(last) + timedelta(days=1)
    first = config.required("FIRST_DAY")
    return newest if first == "newest" else date.fromisoformat(first)


def days_between(first: date, last: date) -> list[date]:
    """Return the days from the first to the last one."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def whole_number(name: str) -> int:
    """Return the number in an environment variable."""
    text = config.required(name)
    if not text.isdigit():
        raise ConfigurationError(
            f"The environment variable {name} is '{text}'. Set a whole number of days."
        )
    return int(text)
