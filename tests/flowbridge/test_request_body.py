"""Request bodies: everything except a JSON object is refused, without other errors."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from flowbridge.request_body import MAX_BODY_BYTES, BadRequest, read_object
from tests.support.functions import proxy_event

GOOD = {"name": "Íñigo 🦊", "rut": "9891283-0", "phone": 56983747263, "mail": "a@example.com"}


def encoded(data: bytes) -> dict[str, Any]:
    """Return the event of a body that API Gateway took for binary."""
    return proxy_event(base64.b64encode(data).decode(), isBase64Encoded=True)


@pytest.mark.parametrize(
    "event",
    [
        proxy_event(GOOD),
        proxy_event(json.dumps(GOOD, ensure_ascii=False)),
        proxy_event(" \r\n" + json.dumps(GOOD) + "\n"),
        encoded(json.dumps(GOOD, ensure_ascii=False).encode()),
        {"body": json.dumps(GOOD)},
    ],
)
def test_an_object_is_read(event: dict[str, Any]) -> None:
    assert read_object(event) == GOOD


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "the request has no body"),
        (proxy_event(None), "the request has no body"),
        (proxy_event(""), "the request has no body"),
        ({"body": {"rut": "1-9"}}, "the request has no body"),
        (proxy_event("name=Camila&lastname=Saavedra"), "the body is not valid JSON"),
        (proxy_event('{"rut": "1-9"'), "the body is not valid JSON"),
        (proxy_event('{"rut": "1-9"}{}'), "the body is not valid JSON"),
        (proxy_event("{'rut': '1-9'}"), "the body is not valid JSON"),
        (proxy_event('{"rut": "1-9", "rut": "2-7"}'), "the body is not valid JSON"),
        (proxy_event('{"rut": {"a": 1, "a": 2}}'), "the body is not valid JSON"),
        (proxy_event('{"phone": NaN}'), "the body is not valid JSON"),
        (proxy_event('{"phone": -Infinity}'), "the body is not valid JSON"),
        (proxy_event('{"phone": ' + "9" * 5000 + "}"), "the body is not valid JSON"),
        (proxy_event('{"name": "\\ud83e"}'), "the body is not valid JSON"),
        (proxy_event('{"\\udd8a": 1}'), "the body is not valid JSON"),
        (proxy_event('{"name": "\ud83e"}'), "the body is not valid JSON"),
        (proxy_event("\ufeff{}"), "the body is not valid JSON"),
        # How deep Python reads depends on what else is imported.
        (proxy_event("[" * 8000 + "]" * 8000), "the body "),
        (proxy_event('{"a":' * 3000 + "1" + "}" * 3000), "the body "),
        (proxy_event("null"), "the body is not a JSON object"),
        (proxy_event("true"), "the body is not a JSON object"),
        (proxy_event('"text"'), "the body is not a JSON object"),
        (proxy_event("56983747263"), "the body is not a JSON object"),
        (proxy_event([GOOD]), "the body is not a JSON object"),
        (proxy_event("{}" + " " * MAX_BODY_BYTES), "the body has more than 16384 bytes"),
        (proxy_event('{"a":"' + "é" * (MAX_BODY_BYTES // 2) + '"}'), "the body has more than"),
        (encoded(b"\xff\xfe"), "the body is not valid JSON"),
        (encoded(b"x" * (MAX_BODY_BYTES + 1)), "the body has more than"),
        (proxy_event("{}", isBase64Encoded=True), "the body is not valid base64"),
        (proxy_event("no base64!", isBase64Encoded=True), "the body is not valid base64"),
        (proxy_event("Íñigo", isBase64Encoded=True), "the body is not valid base64"),
    ],
)
def test_anything_else_is_refused(event: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        read_object(event)

    assert str(refusal.value).startswith(message)


def test_a_deep_body_is_refused_or_read_but_never_an_error() -> None:
    """Where Python's recursion ends differs between its versions."""
    for depth in range(100, 8000, 400):
        try:
            value = read_object(proxy_event('{"a":' + "[" * depth + "]" * depth + "}"))
        except BadRequest:
            continue
        assert isinstance(value["a"], list)
