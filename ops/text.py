"""Small things about texts that several commands need."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

from ops.errors import OperationError

UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
DURATION = re.compile(r"(\d+)\s*(s|min|h|d)")


def duration(text: str) -> timedelta:
    """Read a duration such as ``30min``, ``24h`` or ``7d``.

    Raises
    ------
    OperationError
        When it is none.
    """
    match = DURATION.fullmatch(text.strip())
    if match is None:
        raise OperationError(
            f"'{text}' is no duration.", "Write a number and s, min, h or d: 30min, 24h, 7d."
        )
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def write_privately(file: Path, text: str) -> None:
    """Write a file that nobody but its owner may read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
