"""An incident: its statuses, its schema, and the texts for its contacts."""

from __future__ import annotations

import time
from typing import Any

from flowbridge import config
from flowbridge.schema import read_schema

#: The first contact has not answered yet.
NOT_ACKNOWLEDGED = "not_acknowledged"
#: The first contact declined or stayed silent; the second one has not answered yet.
ESCALATION = "escalation"
#: A contact takes care of the incident.
ACKNOWLEDGED = "acknowledged"
#: Neither contact takes care of it.
UNACKNOWLEDGED = "unacknowledged"

NO_URL = "no url"

schema = read_schema(__file__, "incident.schema.json")


def attributes(item: Any) -> dict[str, str]:
    """Return the attributes of an item of DynamoDB that are strings."""
    if not isinstance(item, dict):
        return {}
    return {
        name: value["S"] for name, value in item.items() if isinstance(value, dict) and "S" in value
    }


def texts(incident: dict[str, str], yes: str, no: str) -> dict[str, list[str]]:
    """Return the texts for the contact of each status: the first message, and the reminder.

    Parameters
    ----------
    incident
        The incident's attributes.
    yes, no
        The words by which a contact acknowledges and declines.
    """
    where = "" if incident["url"] == NO_URL else f" {incident['url']}"
    subject = f"incident {incident['incident_id']}: {incident['description']}{where}"
    answer = f"Reply {yes.upper()} to take it or {no.upper()} to decline."
    return {
        NOT_ACKNOWLEDGED: [f"New {subject} {answer}", f"Reminder, {subject} {answer}"],
        ESCALATION: [f"Escalated {subject} {answer}", f"Reminder, escalated {subject} {answer}"],
    }


def expiry() -> int:
    """Return when DynamoDB may delete the record of a message, in seconds since 1970."""
    return int(time.time()) + int(config.required("MESSAGE_DAYS")) * 24 * 60 * 60
