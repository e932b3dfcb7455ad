"""ReceiveLead: validate and normalize the lead in the event."""

from __future__ import annotations

from typing import Any

from crm.lead import Lead, load_schema, normalize
from crm_registration.errors import InvalidLead
from flowbridge.event_detail import read_detail
from flowbridge.logs import get_logger
from flowbridge.schema import Validator

log = get_logger("receive_lead")
validator = Validator(load_schema())


def handler(event: Any, _context: object) -> Lead:
    """Return the event's ``detail``, validated and normalized.

    Parameters
    ----------
    event
        An EventBridge event.

    Raises
    ------
    InvalidLead
        When the detail is not a valid lead; the message has the field and the rule.
    """
    lead = read_detail(event, "lead", normalize, validator, InvalidLead)
    log.info("lead received", extra={"event_id": event.get("id")})
    return lead
