"""Publish an event on the bus."""

from __future__ import annotations

import json
from typing import Any

from flowbridge import config
from flowbridge.clients import client
from flowbridge.errors import BusRejectedEvent


def publish(source: str, detail_type: str, detail: dict[str, Any]) -> str:
    """Publish an event on the bus named by ``EVENT_BUS_NAME``, and return its id.

    Raises
    ------
    BusRejectedEvent
        When the call succeeds but the bus rejects the event.
    """
    response = client("events").put_events(
        Entries=[
            {
                "EventBusName": config.required("EVENT_BUS_NAME"),
                "Source": source,
                "DetailType": detail_type,
                "Detail": json.dumps(detail, ensure_ascii=False),
            }
        ]
    )
    entry = response["Entries"][0]
    if response["FailedEntryCount"]:
        code = entry.get("ErrorCode", "no code")
        raise BusRejectedEvent(f"The bus rejected '{detail_type}': {code}")
    event_id: str = entry["EventId"]
    return event_id
