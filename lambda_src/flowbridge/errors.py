"""Errors that all flows share. State machines match their class names in Retry and Catch."""

from __future__ import annotations


class ConfigurationError(Exception):
    """The deployment is wrong: a variable, secret or permission is missing or malformed."""


class SecretUnavailable(Exception):  # noqa: N818  state machines use the name
    """Secrets Manager is unavailable; a retry may succeed."""


class BusRejectedEvent(Exception):  # noqa: N818
    """The call to EventBridge succeeded, but the bus rejected the event."""
