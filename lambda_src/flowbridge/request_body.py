"""Read the body of an API Gateway proxy event, strictly."""

from __future__ import annotations

import base64
import json
from typing import Any

#: The largest good body of a form has less than 2 kB.
MAX_BODY_BYTES = 16 * 1024


class BadRequest(Exception):  # noqa: N818
    """The request cannot be understood; the message says why and holds no value of it."""


class BodyTooLarge(BadRequest):
    """The body has more bytes than any good one."""


def read_object(event: dict[str, Any], max_bytes: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """Return the JSON object of a request's body.

    Parameters
    ----------
    event
        The proxy event.
    max_bytes
        The size of the largest good body.

    Raises
    ------
    BodyTooLarge
        When it has more bytes than any good body.
    BadRequest
        When the body is missing, no JSON (``NaN`` and names that stand twice in an
        object are none), no text of Unicode, or no object.
    """
    raw = read_bytes(event, max_bytes)
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
        # A lone surrogate can be escaped in JSON, but is no character.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise BadRequest("the body is no JSON") from None
    if not isinstance(value, dict):
        raise BadRequest("the body is no JSON object")
    return value


def read_bytes(event: dict[str, Any], max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return a request's body as it was sent.

    Raises
    ------
    BodyTooLarge
        When it has more than so many bytes.
    BadRequest
        When it is missing.
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
    except ValueError:  # not its letters, or none of ASCII at all
        raise BadRequest("the body is no base64") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
