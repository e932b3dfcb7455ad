"""CheckIncident: validate an incident of the table, and prepare its messages."""

from __future__ import annotations

from typing import Any

from flowbridge import config
from flowbridge.logs import get_logger
from flowbridge.schema import SchemaError, Validator
from incident_notification.errors import InvalidIncident
from incident_notification.incident import (
    ESCALATION,
    NOT_ACKNOWLEDGED,
    attributes,
    expiry,
    schema,
    texts,
)

log = get_logger("check_incident")
validator = Validator(schema)


def handler(found: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the incident with its contacts and messages by status.

    Parameters
    ----------
    found
        ``item``: the item of the table as DynamoDB returns it, null when there is none.

    Raises
    ------
    InvalidIncident
        When the item is missing or breaks a rule; the message has the attribute and the rule.
    """
    incident = attributes(found.get("item"))
    if not incident:
        raise InvalidIncident("the table has no incident with the id in the event")
    try:
        validator.check(incident)
    except SchemaError as error:
        raise InvalidIncident(f"the incident is not valid: {error}") from None
    log.info("incident checked", extra={"incident": incident["incident_id"]})
    yes, no = (config.required(name).split(",")[0] for name in ("YES_WORDS", "NO_WORDS"))
    return {
        "incident_id": incident["incident_id"],
        "incident_stat": incident["incident_stat"],
        "double_escalation": incident["double_escalation"],
        "contacts": {
            NOT_ACKNOWLEDGED: incident["first_contact"],
            ESCALATION: incident["second_contact"],
        },
        "texts": texts(incident, yes, no),
        "sender": config.required("SENDER"),
        "wait_seconds": int(config.required("WAIT_SECONDS")),
        "expires_at": expiry(),
    }
