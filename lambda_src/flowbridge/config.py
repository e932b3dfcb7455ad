"""Read a function's environment variables; errors name the variable."""

from __future__ import annotations

import os
from collections.abc import Mapping

from flowbridge.errors import ConfigurationError


def required(name: str, variables: Mapping[str, str] = os.environ) -> str:
    """Return a variable's value.

    Raises
    ------
    ConfigurationError
        When it is missing or empty.
    """
    value = variables.get(name, "")
    if not value:
        raise ConfigurationError(
            f"The environment variable {name} is not set. Set it in the function's Terraform."
        )
    return value


def optional(name: str, variables: Mapping[str, str] = os.environ) -> str:
    """Return a variable's value; an empty text when it is missing."""
    return variables.get(name, "")


def seconds(name: str, default: float, variables: Mapping[str, str] = os.environ) -> float:
    """Return a duration in seconds.

    Raises
    ------
    ConfigurationError
        When it is not a positive, finite number.
    """
    text = variables.get(name, "")
    try:
        value = float(text or default)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ConfigurationError(
            f"The environment variable {name} is '{text}'. Set a positive number of seconds."
        )
    return value
