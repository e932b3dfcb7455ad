"""Tell whether a request comes from the CMS, and was made just now.

The header is that of Sanity's webhooks, ``sanity-webhook-signature: t=<milliseconds>,v1=<HMAC>``;
the HMAC is SHA-256 over time, dot and body, in base64 of the kind for URLs, without padding.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from article_publishing.errors import SignatureRefused

HEADER = "sanity-webhook-signature"
FORM = re.compile(r"t=([0-9]{13}),[ ]?v1=([A-Za-z0-9_-]{43})")
#: How old a request may be, and how far the clocks may differ.
MAX_AGE_MS = 5 * 60 * 1000


def verify(header: str | None, body: bytes, secret: str, now_ms: int) -> None:
    """Check a request's signature, in a time that does not tell how much of it is right.

    Raises
    ------
    SignatureRefused
        When it is missing, malformed, wrong, or of another time.
    """
    match = FORM.fullmatch(header or "")
    if match is None:
        raise SignatureRefused(f"the header {HEADER} is missing or malformed")
    if not hmac.compare_digest(sign(int(match[1]), body, secret), match[2]):
        raise SignatureRefused("the signature is wrong")
    if abs(now_ms - int(match[1])) > MAX_AGE_MS:
        raise SignatureRefused("the signature is more than 5 minutes old, or of the future")


def sign(timestamp_ms: int, body: bytes, secret: str) -> str:
    """Return the signature of a body that is sent at a time."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp_ms + body, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
