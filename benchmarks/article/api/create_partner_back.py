"""Write the lead's partner."""

import json
from typing import Any

from .api_responses import response_success
from .db import connect, create_record
from .script import INSERT_PARTNER


def handler(message: dict[str, Any], _context: object) -> Any:
    """Handle a request of the API; return errors as values."""
    try:
        body = json.loads(message["body"])
        data = (body["rut"], body["store"])
        result = create_record(connect(), INSERT_PARTNER, data)
        return response_success(result["success"], result["message"])
    except Exception as error:
        print("failed:", error)
        return error
