"""Errors of the flow incident_notification. The state machine matches their names."""

from __future__ import annotations


class InvalidIncident(Exception):  # noqa: N818  the state machine uses the name
    """The table has no incident of this id, or a malformed one; a retry cannot succeed."""


class InvalidReply(Exception):  # noqa: N818
    """The message is not a reply as End User Messaging publishes them."""


class IncidentIdReused(Exception):  # noqa: N818
    """Another incident had this id and has been handled; ids are unique."""
