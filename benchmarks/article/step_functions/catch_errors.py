"""Say that something failed."""

from typing import Any


def handler(message: Any, _context: object) -> dict[str, Any]:
    """Return the error in a wrapper; nothing is kept."""
    return {
        "success": False,
        "description": "the process failed; its log says why",
        "message": message,
    }
