"""The API's responses."""

import json
from typing import Any


def response_success(success: bool, message: str) -> dict[str, Any]:
    """Return a successful response."""
    return {"statusCode": 200, "body": json.dumps({"success": success, "message": message})}
