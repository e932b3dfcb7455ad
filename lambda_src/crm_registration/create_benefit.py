"""CreateBenefit: have the CRM API register the lead's benefit."""

from __future__ import annotations

from crm.lead import Lead
from crm_registration.crm_service import crm_service


def handler(lead: Lead, _context: object) -> Lead:
    """Return the lead as it came, for the next state.

    Raises
    ------
    CrmRejected
        When the API refuses it for good.
    CrmUnavailable
        When it may work later.
    """
    crm_service().create_benefit(lead)
    return lead
