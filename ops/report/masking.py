"""Take personal data out of what a state was given and gave."""

from __future__ import annotations

import json
from typing import Any

MASK = "•••"
#: Fields that say what happened and to which event, and nothing about a person. Whatever is not
#: among them is masked, so that a field that nobody thought of is not shown.
OPEN_FIELDS = frozenset(
    [
        "account",
        "attempts",
        "cause",
        "detail-type",
        "error",
        "errorName",
        "eventId",
        "execution",
        "failedAt",
        "failedState",
        "flow",
        "id",
        "message",
        "messageId",
        "region",
        "resources",
        "source",
        "statusCode",
        "success",
        "time",
        "told",
        "type",
        "version",
    ]
)


def masked(text: str) -> str:
    """Return JSON with every value masked whose field is not known to be harmless; indented.

    What is no JSON is masked whole.
    """
    try:
        value = json.loads(text)
    except ValueError:
        return MASK
    return json.dumps(_masked(value, is_open=False), indent=2, ensure_ascii=False)


def indented(text: str) -> str:
    """Return JSON indented; other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _masked(value: Any, *, is_open: bool) -> Any:
    if isinstance(value, dict):
        return {key: _masked(item, is_open=key in OPEN_FIELDS) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, is_open=is_open) for item in value]
    return value if is_open or value is None else MASK
