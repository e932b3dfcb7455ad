"""The stand-in of the blog platforms keeps posts as they do, and refuses strangers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.stand_ins.blog_platforms import AUTHORIZATION, TOKENS, Platforms, Request


def ask(
    platforms: Platforms, method: str, path: str, body: Any = None, **query: str
) -> tuple[int, Any]:
    """Make a request with the platform's token."""
    name, *parts = path.split("/")
    headers = {"authorization": AUTHORIZATION.get(name, ""), "api-key": TOKENS["devto"]}
    found = platforms.respond(name, Request(method, parts, query, headers, body))
    return found.status, found.body


@pytest.mark.parametrize("name", ["cms", "medium", "devto", "opensearch"])
def test_strangers_are_refused(name: str) -> None:
    found = Platforms().respond(name, Request("GET", ["x"], {}, {}, None))

    assert found.status == 401


def test_a_post_is_made_once_and_changed_then() -> None:
    platforms = Platforms()
    post = {"article": {"canonical_url": "https://a", "title": "A", "tags": ["aws"]}}

    assert ask(platforms, "POST", "devto/articles", post)[0] == 201
    assert ask(platforms, "PUT", "devto/articles/1", post)[0] == 200
    assert ask(platforms, "GET", "devto/articles/me/all") == (
        200,
        [{"id": 1, "canonical_url": "https://a"}],
    )
    wrong = {"article": {**post["article"], "tags": ["a b"]}}
    assert ask(platforms, "POST", "devto/articles", wrong)[0] == 422


def test_the_index_keeps_the_newest_version() -> None:
    platforms = Platforms()

    statuses = [
        ask(platforms, "PUT", "opensearch/articles/_doc/1", {"n": n}, version=version)[0]
        for n, version in enumerate(("2", "3", "1"))
    ]

    assert statuses == [201, 200, 409]
    assert ask(platforms, "GET", "posts")[1]["opensearch"]["1"]["n"] == 1


def test_the_cms_answers_its_one_query() -> None:
    platforms = Platforms()
    ask(platforms, "PUT", "cms/a", {"categories": [{"title": "AWS"}]})
    query = "*[_id == $id][0].categories[]->{title, slug}"

    assert ask(platforms, "GET", "cms", query=query, **{"$id": json.dumps("a")})[1]["result"] == [
        {"title": "AWS"}
    ]
    assert ask(platforms, "GET", "cms", query="*")[0] == 400


def test_a_platform_refuses_its_next_write_alone() -> None:
    platforms = Platforms()
    ask(platforms, "PUT", "medium", {"status": 503})
    post = {"canonicalUrl": "https://a", "title": "A"}

    statuses = [ask(platforms, "POST", "medium/v1/users/author-1/posts", post)[0] for _ in "ab"]

    assert statuses == [503, 201]
