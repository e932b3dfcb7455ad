"""Put an event on the bus, and see that the bus took it."""

from __future__ import annotations

import json
from typing import Any

from flowbridge import config
from flowbridge.clients import client
from flowbridge.errors import BusRejectedEvent


def publish(source: str, detail_type: str, detail: dict[str, Any]) -> str:
    """Put an event on the bus that ``EVENT_BUS_NAME`` names, and return its id.

    Raises
    ------
    BusRejectedEvent
        When the bus takes the call, and refuses the event.
    """
    answer = client("events").put_events(
        Entries=[
            {
                "EventBusName": config.required("EVENT_BUS_NAME"),
                "Source": source,
                "DetailType": detail_type,
                "Detail": json.dumps(detail, ensure_ascii=False),
            }
        ]
    )
    entry = answer["Entries"][0]
    if answer["FailedEntryCount"]:
        code = entry.get("ErrorCode", "no code")
        raise BusRejectedEvent(f"the bus refused '{detail_type}': {code}")
    event_id: str = entry["EventId"]
    return event_id
