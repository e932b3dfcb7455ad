"""Errors of the flow crm_registration. The state machine matches their names in Retry and Catch."""

from __future__ import annotations


class InvalidLead(Exception):  # noqa: N818  the state machine uses the name
    """The event has no valid lead; a retry cannot succeed."""


class CrmRejected(Exception):  # noqa: N818
    """The CRM API rejected the lead; a retry cannot succeed."""


class CrmUnavailable(Exception):  # noqa: N818
    """The CRM API is unavailable; a retry may succeed."""
