"""Take personal data out of what a state was given and gave."""

from __future__ import annotations

import json
from typing import Any

MASK = "•••"
#: What says which event it was and what happened to it, and nothing about a person: the fields of
#: an event beside its detail, and those that a flow keeps with an event that failed. Whatever is
#: not among them is masked, so that a field that nobody thought of is not shown; a cause, too,
#: since it may quote what it complains of.
EVENT_FIELDS = frozenset(
    ["account", "detail-type", "id", "region", "resources", "source", "time", "version"]
)
FAILURE_FIELDS = frozenset(
    [
        "attempts",
        "error",
        "execution",
        "failedAt",
        "failedState",
        "flow",
        "messageId",
        "notUndone",
        "told",
        "version",
    ]
)
ERROR_FIELDS = frozenset(["Error", "name"])


def masked(text: str) -> str:
    """Return JSON with every value masked whose field is not known to be harmless; indented.

    A field is known by its name and its place: within an event's detail, or in what a state makes
    of it, any name may be a person's own. What is no JSON is masked whole.
    """
    try:
        return json.dumps(_masked(json.loads(text)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return MASK


def indented(text: str) -> str:
    """Return JSON indented; other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _masked(value: Any) -> Any:
    if not isinstance(value, dict):
        return _hidden(value)
    if "failedState" in value:
        return {key: _of_failure(key, item) for key, item in value.items()}
    return _event(value)


def _of_failure(key: str, value: Any) -> Any:
    if isinstance(value, dict) and key == "event":
        return _event(value)
    if isinstance(value, dict) and key == "error":
        return _only(ERROR_FIELDS, value)
    return value if key in FAILURE_FIELDS and not isinstance(value, dict) else _hidden(value)


def _event(value: dict[str, Any]) -> Any:
    # Without both of them it is no event, but what a state made of one.
    is_event = {"detail", "detail-type"} <= value.keys()
    return _only(EVENT_FIELDS if is_event else frozenset(), value)


def _only(names: frozenset[str], value: dict[str, Any]) -> dict[str, Any]:
    """Return an object with the values of these names alone, if they hold no others."""
    return {
        key: item if key in names and not isinstance(item, dict) else _hidden(item)
        for key, item in value.items()
    }


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return _only(frozenset(), value)
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    return value if value is None else MASK
