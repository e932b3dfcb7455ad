"""Pass on the lead from the form."""

from typing import Any


def handler(message: dict[str, Any], _context: object) -> Any:
    """Return the event's detail unchanged."""
    print("event received")
    return message["detail"]
