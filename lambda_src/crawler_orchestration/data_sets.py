"""The three data sets: how much each user used a service, by day and by location.

A value follows from the user and the day, so a data set that is written again has the same files,
and the three data sets have the same sum.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

Record = dict[str, Any]

USERS_BY_DAY = "daily-user-summaries"
LOCATIONS_BY_DAY = "daily-location-summaries"
LOCATIONS = "all-time-location-summaries"

#: The state of each location.
STATES = {
    "Austin": "TX",
    "Boston": "MA",
    "Chicago": "IL",
    "Denver": "CO",
    "Portland": "OR",
    "Seattle": "WA",
}
#: The location of each user.
USERS = {
    "alejandro": "Austin",
    "akua": "Seattle",
    "arnav": "Boston",
    "carlos": "Chicago",
    "diego": "Denver",
    "jane": "Portland",
    "john": "Seattle",
    "li": "Boston",
    "mary": "Chicago",
    "nikki": "Austin",
    "shirley": "Denver",
}
MOST_USAGE = 250


def usage(user: str, day: date) -> int:
    """Return how much a user used the service on a day."""
    digest = sha256(f"{user} {day.isoformat()}".encode()).digest()
    return 1 + int.from_bytes(digest[:4], "big") % MOST_USAGE


def days(first_year: int, last_year: int) -> Iterator[date]:
    """Yield all days of some years."""
    day = date(first_year, 1, 1)
    while day.year <= last_year:
        yield day
        day += timedelta(days=1)


def users_of(day: date) -> list[Record]:
    """Return the usage of each user on a day."""
    return [{"user": user, "usage": usage(user, day)} for user in USERS]


def locations_of(all_days: list[date]) -> list[Record]:
    """Return the usage at each location, all days together."""
    return [
        {
            "name": name,
            "state": state,
            "total_usage": sum(
                usage(user, day)
                for user, location in USERS.items()
                if location == name
                for day in all_days
            ),
            "users": sum(location == name for location in USERS.values()),
        }
        for name, state in STATES.items()
    ]


def files(data_set: str, first_year: int, last_year: int) -> Iterator[tuple[str, list[Record]]]:
    """Yield the key and the records of each file of a data set.

    Parameters
    ----------
    data_set
        One of the three names.
    first_year, last_year
        The years of the days.
    """
    every = days(first_year, last_year)
    if data_set == USERS_BY_DAY:
        yield from ((key_of(data_set, day), users_of(day)) for day in every)
    elif data_set == LOCATIONS_BY_DAY:
        yield from ((key_of(data_set, day), locations_of([day])) for day in every)
    else:
        for one in locations_of(list(every)):
            yield f"data/{data_set}/{one['name'].lower()}.json", [one]


def key_of(data_set: str, day: date) -> str:
    """Return the key of the file of a day, whose folders become partitions."""
    return f"data/{data_set}/year={day:%Y}/month={day:%m}/date={day.isoformat()}/summaries.json"


def usage_in(records: list[Record]) -> int:
    """Return the usage in records of users or of locations."""
    return sum(one["usage"] if "usage" in one else one["total_usage"] for one in records)


def lines(records: list[Record]) -> bytes:
    """Return records as JSON, one on a line."""
    return "".join(f"{json.dumps(one)}\n" for one in records).encode()
