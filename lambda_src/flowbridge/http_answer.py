"""What the answer of an HTTP API, or the lack of one, says of sending the request again."""

from __future__ import annotations

import requests

#: The call did not get through, or its answer did not come back whole.
NO_ANSWER = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
#: 4xx answers that say "not now" rather than "no" (RFC 9110, 8470 and 6585).
NOT_NOW = frozenset({408, 425, 429})
TOLD_LENGTH = 200


def may_work_later(status: int) -> bool:
    """Tell whether the same request may be answered otherwise later."""
    return status >= 500 or status in NOT_NOW


def told(message: object) -> str:
    """Return what an API says of an error, short enough for a message of ours."""
    return str(message or "no message")[:TOLD_LENGTH]
