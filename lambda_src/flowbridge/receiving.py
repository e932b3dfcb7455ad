"""Take an event's detail, check it, and give it its one written form: a flow's first state."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flowbridge.schema import SchemaError, Validator

Detail = dict[str, Any]

#: Step Functions ends an execution whose state answers with more than 256 KiB, and nobody can catch
#: that (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html). What Lambda says
#: beside the answer counts too.
MAX_BYTES = 240 * 1024


def receive(
    event: Any,
    noun: str,
    normalise: Callable[[Detail], Detail],
    validator: Validator,
    invalid: type[Exception],
) -> Detail:
    """Return the event's ``detail``, checked and normalised.

    Parameters
    ----------
    event
        An EventBridge event.
    noun
        What its detail is, for the messages.
    normalise
        Gives a detail its one written form.
    validator
        Holds the rules.
    invalid
        The error to raise when the detail is no such thing; its message names the field and the
        rule, and no value.
    """
    detail = event.get("detail") if isinstance(event, dict) else None
    if not isinstance(detail, dict):
        raise invalid("the event has no 'detail' object")
    detail = normalise(detail)
    try:
        validator.check(detail)
    except SchemaError as error:
        raise invalid(f"the {noun} is not valid: {error}") from None
    # All of it is passed on, the fields that nobody checks included.
    try:
        size = len(json.dumps(detail, allow_nan=False, ensure_ascii=False).encode("utf-8"))
    except ValueError:
        raise invalid(f"the {noun} holds NaN or half a character, which is no JSON") from None
    if size > MAX_BYTES:
        raise invalid(f"the {noun} has {size:,} bytes; {MAX_BYTES:,} can be passed on")
    return detail
