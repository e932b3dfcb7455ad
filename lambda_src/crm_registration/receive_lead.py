"""ReceiveLead: take the lead out of the event, check it, give it its one written form."""

from __future__ import annotations

import json
from typing import Any

from crm_registration.errors import InvalidLead
from crm_registration.lead import Lead, load_schema, normalise
from flowbridge.logs import get_logger
from flowbridge.schema import SchemaError, Validator

log = get_logger("receive_lead")
validator = Validator(load_schema())


def handler(event: Any, _context: object) -> Lead:
    """Return the event's ``detail``, checked and normalised.

    Parameters
    ----------
    event
        An EventBridge event.

    Raises
    ------
    InvalidLead
        When the detail is no lead; the message names the field and the rule.
    """
    detail = event.get("detail") if isinstance(event, dict) else None
    if not isinstance(detail, dict):
        raise InvalidLead("the event has no 'detail' object")
    lead = normalise(detail)
    try:
        validator.check(lead)
    except SchemaError as error:
        raise InvalidLead(f"the lead is not valid: {error}") from None
    if not _is_json(lead):
        raise InvalidLead("the lead holds NaN or half a character, which is no JSON")
    log.info("lead received", extra={"event_id": event.get("id")})
    return lead


def _is_json(lead: Lead) -> bool:
    """Tell whether all of the lead, the fields that nobody checks included, can be passed on."""
    try:
        json.dumps(lead, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except ValueError:
        return False
    return True
