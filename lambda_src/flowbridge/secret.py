"""A secret of Secrets Manager, read once and again when it no longer works."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from flowbridge.clients import client

#: How long a value is kept before it is read again unasked.
MAX_AGE_SECONDS = 300.0


class Secret:
    """The value of one secret.

    Parameters
    ----------
    secret_id
        Its name or ARN.
    read
        Reads a secret's text; Secrets Manager unless a test says otherwise.
    now
        A monotonic clock in seconds.
    """

    def __init__(
        self,
        secret_id: str,
        read: Callable[[str], str] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._id = secret_id
        self._read = read or _read_secret
        self._now = now
        self._text: str | None = None
        self._read_at = 0.0

    def text(self) -> str:
        """Return the value as text."""
        if self._text is None or self._now() - self._read_at > MAX_AGE_SECONDS:
            self._text = self._read(self._id)
            self._read_at = self._now()
        return self._text

    def fields(self) -> dict[str, Any]:
        """Return the value as the JSON object that it holds."""
        fields: dict[str, Any] = json.loads(self.text())
        return fields

    def refresh(self) -> bool:
        """Read the value again, and return whether it is another one now (it was rotated)."""
        before, self._text = self._text, None
        return self.text() != before


def _read_secret(secret_id: str) -> str:
    answer = client("secretsmanager").get_secret_value(SecretId=secret_id)
    text: str = answer["SecretString"]
    return text
