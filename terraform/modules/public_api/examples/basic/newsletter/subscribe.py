"""Takes a subscription of the newsletter."""

from __future__ import annotations

import json
from typing import Any


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer API Gateway's proxy event; everything in it may be wrong."""
    try:
        address = json.loads(event["body"])["mail"]
    except (KeyError, TypeError, ValueError):
        return {"statusCode": 400, "body": json.dumps({"message": "mail is missing."})}
    return {"statusCode": 202, "body": json.dumps({"subscribed": address})}
