"""PublishToHashnode: create or update the post (https://github.com/Hashnode/gql-skill).

GraphQL returns most errors with status 200.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from article_publishing.article import Article, slug, tags
from article_publishing.errors import TargetRefused, TargetUnavailable
from article_publishing.target import Found, Outcome, Target, bearer, step
from flowbridge import config
from flowbridge.http_retry import truncate

MAX_TAGS = 5
NOT_FOUND = "NOT_FOUND"
TRANSIENT = frozenset({"INTERNAL_SERVER_ERROR"})

FIND = (
    "query ($host: String!, $slug: String!) "
    "{ publication(host: $host) { id post(slug: $slug) { id } } }"
)
PUBLISH = "mutation ($input: PublishPostInput!) { publishPost(input: $input) { post { id url } } }"
UPDATE = "mutation ($input: UpdatePostInput!) { updatePost(input: $input) { post { id url } } }"


class Hashnode:
    """The Hashnode API, for one publication."""

    def __init__(self, api: Target, host: str) -> None:
        self._api = api
        self._host = host

    def publish(self, article: Article) -> Outcome:
        """Update the post with the article's slug, or create it."""
        publication, found = self._query(
            FIND, {"host": self._host, "slug": slug(article)}, identities
        )
        if publication is None:
            raise TargetRefused(f"hashnode has no publication {self._host}; check HASHNODE_HOST")
        post = {
            "title": article["title"],
            "subtitle": article["description"] or None,
            "contentMarkdown": article["body"],
            "tags": [{"slug": tag, "name": tag} for tag in tags(article, MAX_TAGS, True)],
            "originalArticleURL": article["canonicalUrl"],
        }
        if "mainImage" in article:
            post["coverImageOptions"] = {"coverImageURL": article["mainImage"]}
        if found is None:
            new = {**post, "publicationId": publication, "slug": slug(article)}
            url = self._query(
                PUBLISH, {"input": new}, lambda data: data["publishPost"]["post"]["url"]
            )
            return {"outcome": "published", "url": url}
        changes = {"input": {**post, "id": found}}
        url = self._query(UPDATE, changes, lambda data: data["updatePost"]["post"]["url"])
        return {"outcome": "updated", "url": url}

    def _query(
        self, query: str, variables: dict[str, Any], read: Callable[[dict[str, Any]], Found]
    ) -> Found:
        response = self._api.call("POST", "/", json={"query": query, "variables": variables})
        return self._api.json(response, lambda body: read(data_of(body, query)))


def data_of(body: dict[str, Any], query: str) -> dict[str, Any]:
    """Return the data of a GraphQL response, or raise its error."""
    if errors := body.get("errors"):
        code = (errors[0].get("extensions") or {}).get("code", "no code")
        if code == NOT_FOUND and query == FIND:
            # If only the post is missing, the response still has the publication.
            publication = (body.get("data") or {}).get("publication")
            if publication is not None:
                return {"publication": {**publication, "post": None}}
        message = f"hashnode returned {truncate(code)}: {truncate(errors[0].get('message'))}"
        raise (TargetUnavailable if code in TRANSIENT else TargetRefused)(message)
    data: dict[str, Any] = body["data"]
    return data


def identities(data: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the ids of the publication and its post; None for each that does not exist."""
    publication = data["publication"]
    if publication is None:
        return None, None
    post = publication["post"]
    return publication["id"], None if post is None else post["id"]


@cache
def hashnode() -> Hashnode:
    """Return the API configured by the environment variables."""
    api = Target.from_environment("hashnode", bearer)
    return Hashnode(api, config.required("HASHNODE_HOST"))


def publish(article: Article) -> Outcome:
    """Publish an article."""
    return hashnode().publish(article)


handler = step("hashnode", publish)
