"""ReceiveSignup: take the sign-up out of the event, check it, give it its one written form."""

from __future__ import annotations

from typing import Any

from flowbridge.logs import get_logger
from flowbridge.receiving import receive
from flowbridge.schema import Validator
from user_onboarding.errors import InvalidSignup
from user_onboarding.signup import Signup, load_schema, normalise, tenants

log = get_logger("receive_signup")
schema = load_schema()
validator = Validator(schema)


def handler(event: Any, _context: object) -> Signup:
    """Return the event's ``detail``, checked and normalised, and no field that nobody knows.

    Parameters
    ----------
    event
        An EventBridge event.

    Raises
    ------
    InvalidSignup
        When the detail is no sign-up with a tenant that exists; the message names the field and
        the rule.
    """
    signup = receive(event, "sign-up", normalise, validator, InvalidSignup)
    if signup["tenantId"] not in tenants():
        raise InvalidSignup("the sign-up is not valid: tenantId: must be one that exists")
    log.info("sign-up received", extra={"event_id": event.get("id")})
    return {name: signup[name] for name in schema["properties"]}
