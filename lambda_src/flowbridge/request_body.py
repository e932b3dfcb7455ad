"""Parse the body of an API Gateway proxy event, strictly."""

from __future__ import annotations

import base64
import json
from typing import Any

#: The largest valid form has less than 2 kB.
MAX_BODY_BYTES = 16 * 1024


class BadRequest(Exception):  # noqa: N818
    """The request cannot be parsed; the message has the reason and quotes no value."""


class BodyTooLarge(BadRequest):
    """The body exceeds the size limit."""


def read_object(event: dict[str, Any], max_bytes: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """Return the JSON object of a request's body.

    Parameters
    ----------
    event
        The proxy event.
    max_bytes
        Size limit in bytes.

    Raises
    ------
    BodyTooLarge
        When the body exceeds the limit.
    BadRequest
        When the body is missing, not valid Unicode, not a JSON object, or has ``NaN`` or
        duplicate names.
    """
    raw = read_bytes(event, max_bytes)
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
        # JSON allows an escaped lone surrogate; UTF-8 cannot encode it.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise BadRequest("the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise BadRequest("the body is not a JSON object")
    return value


def read_bytes(event: dict[str, Any], max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return a request's body as raw bytes.

    Raises
    ------
    BodyTooLarge
        When it has more than `max_bytes`.
    BadRequest
        When it is missing or not valid base64.
    """
    body = event.get("body")
    if not isinstance(body, str) or not body:
        raise BadRequest("the request has no body")
    raw = _decoded(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")
    if len(raw) > max_bytes:
        raise BodyTooLarge(f"the body has more than {max_bytes} bytes")
    return raw


def _decoded(body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:  # also raised for characters outside ASCII
        raise BadRequest("the body is not valid base64") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate name")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not valid JSON")
