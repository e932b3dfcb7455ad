"""Errors that every flow knows. A class's name is what a state machine's Retry and Catch see."""

from __future__ import annotations


class ConfigurationError(Exception):
    """The function is deployed wrongly: an environment variable is missing or malformed."""


class BusRejectedEvent(Exception):  # noqa: N818  the name is part of the state machine
    """EventBridge took the call and refused the event."""
