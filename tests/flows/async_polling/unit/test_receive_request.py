"""ReceiveRequest: a good request comes out with its token, or none."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from async_polling.errors import InvalidRequest
from async_polling.receive_request import handler
from tests.support.functions import LambdaContext, logged

EVENT = {"id": "e-1", "source": "flowbridge.async_polling"}


def test_a_request_has_the_token_of_its_event(logs: list[logging.LogRecord]) -> None:
    detail = {"id": "r-1", "text": "a private text"}

    found = handler({**EVENT, "detail": {**detail, "admin": True}}, LambdaContext())

    assert found == {**detail, "limits": {}, "token": "e-1"}
    assert "private" not in logged(logs)


def test_what_was_started_without_an_event_has_the_token_of_its_id() -> None:
    assert handler({"detail": {"id": "r-1", "text": "a"}}, LambdaContext())["token"] == "r-1"


def test_a_token_of_the_request_does_not_count() -> None:
    detail = {"id": "r-1", "text": "a", "token": "of another"}

    assert handler({**EVENT, "detail": detail}, LambdaContext())["token"] == "e-1"


@pytest.mark.parametrize(
    ("detail", "message"),
    [
        ({"text": "a"}, "id is missing"),
        ({"id": "a b", "text": "a"}, "id: must have 1 to 100"),
        ({"id": "1"}, "either a text or documents"),
        ({"id": "1", "text": "a", "documents": ["b"]}, "either a text or documents"),
        ({"id": "1", "documents": []}, "either a text or documents"),
        ({"id": "1", "documents": ["a"] * 101}, "at most 100"),
        ({"id": "1", "documents": [7]}, "documents"),
        ({"id": "1", "text": "a" * 40001}, "40,000"),
        ({"id": "1", "text": "a", "limits": {"wait": 1}}, "unknown field"),
        ({"id": "1", "text": "a", "limits": {"waitSeconds": 0}}, "at least 1"),
    ],
)
def test_a_request_that_breaks_a_rule_is_refused_by_its_field(
    detail: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        handler({**EVENT, "detail": detail}, LambdaContext())
