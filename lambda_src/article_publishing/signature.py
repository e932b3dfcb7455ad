"""Verify that a request comes from the CMS and is recent.

Sanity's webhooks send ``sanity-webhook-signature: t=<milliseconds>,v1=<HMAC>``. The HMAC is SHA-256
over ``<milliseconds>.<body>``, in URL-safe base64 without padding.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from article_publishing.errors import SignatureRefused

HEADER = "sanity-webhook-signature"
FORM = re.compile(r"t=([0-9]{13}),[ ]?v1=([A-Za-z0-9_-]{43})")
#: Largest age of a request, clock difference included.
MAX_AGE_MS = 5 * 60 * 1000


def verify(header: str | None, body: bytes, secret: str, now_ms: int) -> None:
    """Verify a request's signature in constant time.

    Raises
    ------
    SignatureRefused
        When it is missing, malformed or wrong, or differs by more than 5 minutes from `now_ms`.
    """
    match = FORM.fullmatch(header or "")
    if match is None:
        raise SignatureRefused(f"the header {HEADER} is missing or malformed")
    if not hmac.compare_digest(sign(int(match[1]), body, secret), match[2]):
        raise SignatureRefused("the signature is wrong")
    if abs(now_ms - int(match[1])) > MAX_AGE_MS:
        raise SignatureRefused("the signature is more than 5 minutes old, or in the future")


def sign(timestamp_ms: int, body: bytes, secret: str) -> str:
    """Return the signature of a body sent at this time."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp_ms + body, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
