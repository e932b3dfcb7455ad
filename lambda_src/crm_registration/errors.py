"""What can go wrong with a lead. The names are part of the state machine's Retry and Catch."""

from __future__ import annotations


class InvalidLead(Exception):  # noqa: N818  the name is part of the state machine
    """The event holds no lead that could be registered; sending it again will not help."""


class CrmRejected(Exception):  # noqa: N818
    """The CRM API refused the lead; sending it again will not help."""


class CrmUnavailable(Exception):  # noqa: N818
    """The CRM API did not do its work this time; sending it again may help."""
