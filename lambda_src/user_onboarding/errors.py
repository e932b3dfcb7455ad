"""What can go wrong with a sign-up. The names are part of the state machine's Retry and Catch."""

from __future__ import annotations


class InvalidSignup(Exception):  # noqa: N818  the name is part of the state machine
    """The event holds no sign-up that could be worked on; sending it again will not help."""


class WebhookRejected(Exception):  # noqa: N818
    """The team's webhook refused the message; sending it again will not help."""


class WebhookUnavailable(Exception):  # noqa: N818
    """The team's webhook did not take the message this time; sending it again may help."""
