"""Errors that every flow knows. A class's name is what a state machine's Retry and Catch see."""

from __future__ import annotations


class ConfigurationError(Exception):
    """The function is deployed wrongly: a variable, a secret or a right is missing or malformed."""


class SecretUnavailable(Exception):  # noqa: N818  the name is part of the state machine
    """Secrets Manager did not answer this time; asking again may help."""


class BusRejectedEvent(Exception):  # noqa: N818
    """EventBridge took the call and refused the event."""
