"""Have the API register the lead's client."""

from typing import Any

from .crm_service import CRMService


def handler(message: Any, _context: object) -> Any:
    """Return the lead for the next state, or the error as a value."""
    try:
        service = CRMService(message)
        service.create_client()
    except Exception as error:
        print("it failed:", error)
        return error
    return message
