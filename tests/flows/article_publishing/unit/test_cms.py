"""The webhook's function asks the CMS for the categories that a document does not have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from article_publishing import receive_webhook
from article_publishing.cms import CATEGORIES, cms
from emulator.stand_ins import blog_platforms
from tests.flows.article_publishing.support.webhook import DOCUMENT, States, signed
from tests.support.functions import LambdaContext
from tests.support.platform import free_port

FOUND = [{"title": "AWS", "slug": {"current": "aws"}}, {"title": "Go", "slug": None}]
TOKEN = "cms-token"


@pytest.fixture
def query(
    states: States,
    secrets: dict[str, str],
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[HTTPServer]:
    """The query API of the CMS."""
    secrets["cms"] = TOKEN
    monkeypatch.setenv("CMS_QUERY_URL", httpserver.url_for("/query"))
    monkeypatch.setenv("CMS_SECRET", "cms")
    cms.cache_clear()
    yield httpserver
    cms.cache_clear()


def document(**changes: Any) -> dict[str, Any]:
    found = {name: value for name, value in DOCUMENT.items() if name != "categories"}
    return {**found, **changes}


def call(sent: dict[str, Any]) -> int:
    status: int = receive_webhook.handler(signed(sent), LambdaContext())["statusCode"]
    return status


def detail(states: States) -> dict[str, Any]:
    [event] = states.started.values()
    found: dict[str, Any] = event["detail"]
    return found


@pytest.mark.parametrize(
    "changes", [{}, {"categories": None}, {"categories": [{"_type": "reference", "_ref": "c1"}]}]
)
def test_missing_categories_are_fetched_by_the_documents_id(
    query: HTTPServer, states: States, changes: dict[str, Any]
) -> None:
    query.expect_oneshot_request(
        "/query",
        "GET",
        query_string={
            "query": CATEGORIES,
            "$id": '"b1946ac9-2d1c"',
            "perspective": "published",
        },
        headers={"Authorization": f"Bearer {TOKEN}"},
    ).respond_with_json({"result": FOUND})

    assert call(document(**changes)) == 202
    assert detail(states)["categories"] == ["AWS", "Go"]
    # One of them has no slug.
    assert "categorySlugs" not in detail(states)
    query.check_assertions()


def test_an_id_cannot_change_the_query(query: HTTPServer) -> None:
    sent = '" || true] | {"_rev'
    query.expect_oneshot_request(
        "/query",
        query_string={"query": CATEGORIES, "$id": json.dumps(sent), "perspective": "published"},
    ).respond_with_json({"result": None})

    # The id is refused later, as it cannot be in an address.
    assert call(document(_id=sent)) == 400
    query.check_assertions()


def test_categories_of_the_webhook_are_not_fetched(query: HTTPServer, states: States) -> None:
    assert call(DOCUMENT) == 202
    assert query.log == []


def test_a_document_without_categories_in_the_cms_has_none(
    query: HTTPServer, states: States
) -> None:
    query.expect_request("/query").respond_with_json({"result": None})

    assert call(document()) == 202
    assert detail(states)["categories"] == []


@pytest.mark.parametrize(("status", "answer"), [(503, 503), (429, 503), (403, 500), (404, 500)])
def test_the_cms_is_told_to_send_again_what_may_work_later(
    query: HTTPServer, states: States, status: int, answer: int
) -> None:
    query.expect_request("/query").respond_with_json({"error": "no"}, status=status)

    assert call(document()) == answer
    assert states.started == {}


def test_a_cms_that_is_not_there_is_unavailable(
    query: HTTPServer, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMS_QUERY_URL", f"http://127.0.0.1:{free_port()}")

    assert call(document()) == 503


def test_without_a_cms_nothing_is_fetched(states: States, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMS_QUERY_URL", raising=False)
    cms.cache_clear()

    assert call(document()) == 202
    assert detail(states)["categories"] == []


def test_the_stand_in_knows_the_query() -> None:
    assert blog_platforms.CATEGORIES == CATEGORIES
