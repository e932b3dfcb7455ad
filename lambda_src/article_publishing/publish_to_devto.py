"""PublishToDevto: create or update the article's post (https://developers.forem.com/api/v1)."""

from __future__ import annotations

from functools import cache
from typing import Any

from article_publishing.article import Article, tags
from article_publishing.target import Outcome, Target, step
from flowbridge.secret import Secret

MAX_TAGS = 4
PAGE = 1000


class Devto:
    """The Dev.to API."""

    def __init__(self, api: Target) -> None:
        self._api = api

    def publish(self, article: Article) -> Outcome:
        """Update the author's post of this article, or create it."""
        found = self._find(article["canonicalUrl"])
        body = {"article": self._post(article)}
        if found is None:
            response = self._api.call("POST", "/articles", json=body)
        else:
            response = self._api.call("PUT", f"/articles/{found}", json=body)
        url = self._api.json(response, lambda post: post["url"])
        return {"outcome": "published" if found is None else "updated", "url": url}

    def _find(self, url: str) -> int | None:
        def length_and_ids(posts: list[dict[str, Any]]) -> tuple[int, list[int]]:
            return len(posts), [p["id"] for p in posts if p.get("canonical_url") == url]

        page = 1
        while True:
            response = self._api.call(
                "GET", "/articles/me/all", params={"page": page, "per_page": PAGE}
            )
            length, found = self._api.json(response, length_and_ids)
            if found:
                return found[0]
            if length < PAGE:
                return None
            page += 1

    def _post(self, article: Article) -> dict[str, Any]:
        return {
            "title": article["title"],
            "description": article["description"],
            "body_markdown": article["body"],
            "canonical_url": article["canonicalUrl"],
            "published": True,
            "tags": tags(article, MAX_TAGS),
            **({"main_image": article["mainImage"]} if "mainImage" in article else {}),
        }


def api_key(secret: Secret) -> dict[str, str]:
    """Return the headers for the API key and the API version."""
    return {"api-key": secret.text().strip(), "Accept": "application/vnd.forem.api-v1+json"}


@cache
def devto() -> Devto:
    """Return the API configured by the environment variables."""
    return Devto(Target.from_environment("devto", api_key))


def publish(article: Article) -> Outcome:
    """Publish an article."""
    return devto().publish(article)


handler = step("devto", publish)
