"""A second opinion about which bodies are good."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from crm.lead import load_schema, normalize
from flowbridge.request_body import MAX_BODY_BYTES
from flowbridge.schema import subset
from tests.support.functions import FIELDS
from tests.support.hostile import strict_json

#: Python's $ would let a line end through.
STRICT = json.loads(json.dumps(load_schema()).replace('$"', '\\\\Z"'))
REFERENCE = {
    name: jsonschema.Draft7Validator(subset(STRICT, list(fields)))
    for name, fields in FIELDS.items()
}
REFERENCE["lead"] = jsonschema.Draft7Validator(STRICT)
REFERENCE["form"] = jsonschema.Draft7Validator({**STRICT, "additionalProperties": False})


def expected(endpoint: str, text: str) -> dict[str, Any] | None:
    """Return the good body that a text holds by a second opinion, or None."""
    try:
        if len(text.encode()) > MAX_BODY_BYTES:
            return None
        body = strict_json(text)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    body = normalize(body)
    return body if REFERENCE[endpoint].is_valid(body) else None
