"""Remove personal data from the inputs and outputs of states."""

from __future__ import annotations

import json
from typing import Any

MASK = "•••"
#: Fields without personal data: those of an event except its detail, and those that a flow adds to
#: a failed event. Every other field is masked, so that new fields are hidden by default. An error's
#: cause is masked because it may quote the input.
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
    """Return indented JSON in which every value is masked unless its field is known to be harmless.

    Name and position identify a field: within an event's detail, or in a state's output, every
    field may hold personal data. Text that is not JSON is masked completely.
    """
    try:
        return json.dumps(_masked(json.loads(text)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return MASK


def indented(text: str) -> str:
    """Return JSON indented, and other text unchanged."""
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
    # Without both fields it is a state's output, not an event.
    is_event = {"detail", "detail-type"} <= value.keys()
    return _only(EVENT_FIELDS if is_event else frozenset(), value)


def _only(names: frozenset[str], value: dict[str, Any]) -> dict[str, Any]:
    """Return an object that shows the scalar values of these names and masks all others."""
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
