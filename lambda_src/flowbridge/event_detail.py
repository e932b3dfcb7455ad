"""Validate and normalize an event's detail, in the first state of a flow."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flowbridge.schema import SchemaError, Validator

Detail = dict[str, Any]

#: A state's output of more than 256 KiB fails the execution, and Catch cannot handle it
#: (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html). The rest is for the
#: metadata that Lambda adds to the output.
MAX_BYTES = 240 * 1024


def read_detail(
    event: Any,
    noun: str,
    normalize: Callable[[Detail], Detail],
    validator: Validator,
    invalid: type[Exception],
) -> Detail:
    """Return the event's ``detail``, normalized and validated.

    Parameters
    ----------
    event
        An EventBridge event.
    noun
        Name of the detail in messages.
    normalize
        Normalizes the detail before validation.
    validator
        Validates the detail.
    invalid
        The error to raise for an invalid detail; its message has the field and the rule, without
        the value.
    """
    detail = event.get("detail") if isinstance(event, dict) else None
    if not isinstance(detail, dict):
        raise invalid("the event has no 'detail' object")
    detail = normalize(detail)
    try:
        validator.check(detail)
    except SchemaError as error:
        raise invalid(f"the {noun} is not valid: {error}") from None
    # The output has all fields, also those outside the schema, so check the whole detail.
    try:
        size = len(json.dumps(detail, allow_nan=False, ensure_ascii=False).encode("utf-8"))
    except ValueError:
        raise invalid(
            f"the {noun} is not valid JSON: it contains NaN, Infinity or a lone surrogate"
        ) from None
    if size > MAX_BYTES:
        raise invalid(f"the {noun} has {size:,} bytes; the limit is {MAX_BYTES:,}")
    return detail
