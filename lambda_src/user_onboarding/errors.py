"""Errors of the flow user_onboarding. The state machine matches their names in Retry and Catch."""

from __future__ import annotations


class InvalidSignup(Exception):  # noqa: N818  the state machine uses the name
    """The event has no valid sign-up; a retry cannot succeed."""


class WebhookRejected(Exception):  # noqa: N818
    """The team's webhook rejected the message; a retry cannot succeed."""


class WebhookUnavailable(Exception):  # noqa: N818
    """The team's webhook is unavailable; a retry may succeed."""
