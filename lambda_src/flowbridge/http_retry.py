"""Decide from an HTTP response, or its absence, whether to retry."""

from __future__ import annotations

import requests

#: Errors without a complete response.
NO_RESPONSE = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
#: 4xx statuses that are transient (RFC 9110, 8470 and 6585).
RETRYABLE = frozenset({408, 425, 429})
MESSAGE_LENGTH = 200


def is_retryable(status: int) -> bool:
    """Return whether the same request may succeed later."""
    return status >= 500 or status in RETRYABLE


def truncate(message: object) -> str:
    """Return an API's error message, shortened to quote it in ours."""
    return str(message or "no message")[:MESSAGE_LENGTH]
