"""Says how many pieces of an article are in stock."""

from __future__ import annotations

import json
from typing import Any

PIECES = {"lamp": 3, "table": 0}


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer API Gateway's proxy event."""
    article = event["pathParameters"]["article"]
    if article not in PIECES:
        return {"statusCode": 404, "body": json.dumps({"message": f"There is no {article}."})}
    return {"statusCode": 200, "body": json.dumps({"article": article, "pieces": PIECES[article]})}
