"""Greets by name."""

from __future__ import annotations

from typing import Any


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Return a greeting of the name in the event."""
    return {"greeting": f"Hello, {event['name']}!"}
