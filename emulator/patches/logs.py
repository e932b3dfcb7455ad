"""CloudWatch Logs.

- ``filter-pages``: ``FilterLogEvents`` returns its first page only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from emulator.settings import Settings

GAPS = ("filter-pages",)
LOG_PAGE = 10000

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]


def apply(_: Settings) -> None:
    """Close the gap."""
    from ministack.services import cloudwatch_logs

    cloudwatch_logs._filter_log_events = with_pages(cloudwatch_logs._filter_log_events)


def with_pages(find: Callable[[JsonObject], Answer]) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's FilterLogEvents, which continues after the last page.

    A token has the time of the last line, and how many lines of that time were returned.
    """

    def find_page(data: JsonObject) -> Answer:
        start, _, given = data.get("nextToken", "").partition("+")
        skipped = int(given or 0)
        limit = min(skipped + data.get("limit", LOG_PAGE), LOG_PAGE)
        asked = {**data, "limit": limit, **({"startTime": int(start)} if start else {})}
        answer = find(asked)
        if answer[0] != 200:
            return answer
        found = json.loads(answer[2])
        events = found["events"][skipped:]
        if events and len(found["events"]) == limit:
            last = events[-1]["timestamp"]
            count = sum(event["timestamp"] == last for event in found["events"])
            found["nextToken"] = f"{last}+{count}"
        found["events"] = events
        return answer[0], answer[1], json.dumps(found).encode()

    return find_page
