"""Hand on what the form sent."""

from typing import Any


def handler(message: dict[str, Any], _context: object) -> Any:
    """Return the event's detail as it is."""
    print("an event came in")
    return message["detail"]
