"""Register the lead's partner with the API."""

from typing import Any

from .crm_service import CRMService


def handler(message: Any, _context: object) -> Any:
    """Return the lead for the next state, or the error as a value."""
    try:
        service = CRMService(message)
        service.create_partner()
    except Exception as error:
        print("failed:", error)
        return error
    return message
