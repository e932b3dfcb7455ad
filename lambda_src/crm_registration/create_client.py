"""CreateClient: register the lead's client with the CRM API."""

from __future__ import annotations

from crm.lead import Lead
from crm_registration.crm_service import crm_service


def handler(lead: Lead, _context: object) -> Lead:
    """Register the client, and return the lead unchanged for the next state.

    Raises
    ------
    CrmRejected
        For a permanent error of the API.
    CrmUnavailable
        For a transient error.
    """
    crm_service().create_client(lead)
    return lead
