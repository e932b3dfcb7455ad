"""ReceiveSignup: validate and normalize the sign-up in the event."""

from __future__ import annotations

from typing import Any

from flowbridge.event_detail import read_detail
from flowbridge.logs import get_logger
from flowbridge.schema import Validator
from user_onboarding.errors import InvalidSignup
from user_onboarding.signup import (
    UNKNOWN_TENANT,
    Signup,
    complete,
    load_schema,
    normalize,
    tenants,
)

log = get_logger("receive_signup")
schema = load_schema()
validator = Validator(schema)


def normal(detail: Signup) -> Signup:
    """Return a detail as a sign-up in normal form."""
    return normalize(complete(detail))


def handler(event: Any, _context: object) -> Signup:
    """Return the event's ``detail``, validated and normalized, without unknown fields.

    Parameters
    ----------
    event
        An EventBridge event.

    Raises
    ------
    InvalidSignup
        When the detail is not a sign-up with a known tenant; the message has the field and the
        rule.
    """
    signup = read_detail(event, "sign-up", normal, validator, InvalidSignup)
    if signup["tenantId"] not in tenants():
        raise InvalidSignup(f"the sign-up is not valid: {UNKNOWN_TENANT}")
    log.info("sign-up received", extra={"event_id": event.get("id")})
    return {name: signup[name] for name in schema["properties"]}
