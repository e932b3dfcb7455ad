"""Report a failure."""

from typing import Any


def handler(message: Any, _context: object) -> dict[str, Any]:
    """Return the error in an object; the event is not kept."""
    return {
        "success": False,
        "description": "the process failed, see its log",
        "message": message,
    }
