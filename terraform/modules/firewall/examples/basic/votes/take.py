"""Takes a vote."""

from __future__ import annotations

from typing import Any


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer API Gateway's proxy event."""
    return {"statusCode": 202, "body": "{}"}
