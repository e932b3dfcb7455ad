"""Times that commands take, and files that they write."""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ops.errors import OperationError

AGO = re.compile(r"(\d+)([smhd])")
#: The Unix epoch.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str, now: datetime) -> datetime:
    """Return the time that ``2h`` or ``2026-11-21T10:00Z`` means; without a zone it is UTC.

    Raises
    ------
    OperationError
        When the text is not a time.
    """
    give = "Give SINCE=90m, SINCE=2h, SINCE=7d or 2026-11-21T10:00Z."
    try:
        if ago := AGO.fullmatch(text):
            value = now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        else:
            value = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise OperationError(f"'{text[:40]}' is not a time.", give) from None
    value = value if value.tzinfo else value.replace(tzinfo=UTC)
    if value < EPOCH:
        raise OperationError(f"'{text}' lies before any event.", give)
    return value


def write_privately(file: Path, text: str) -> None:
    """Write a file that only its owner may read, also when it existed before."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        # Anything else, such as /dev/null, is everybody's.
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)
        stream.write(text)
