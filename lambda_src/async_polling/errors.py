"""Errors of the flow async_polling. The state machines match their names."""

from __future__ import annotations


class InvalidRequest(Exception):  # noqa: N818  the state machine uses the name
    """The event has no valid request; a retry cannot succeed."""


class ServiceRefused(Exception):  # noqa: N818
    """The service rejected the job; a retry cannot succeed."""


class ServiceUnavailable(Exception):  # noqa: N818
    """The service is unavailable; a retry may succeed."""


class ResultsUnavailable(Exception):  # noqa: N818
    """The bucket of large results is unavailable; a retry may succeed."""
