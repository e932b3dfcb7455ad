"""PublishToHashnode: post the article, or change the post (https://github.com/Hashnode/gql-skill).

GraphQL: most errors come in answers of status 200.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from article_publishing.article import Article, slug, tags
from article_publishing.errors import TargetRefused, TargetUnavailable
from article_publishing.target import Found, Outcome, Target, bearer, step
from flowbridge import config
from flowbridge.http_answer import told

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
    """The API, for one publication."""

    def __init__(self, api: Target, host: str) -> None:
        self._api = api
        self._host = host

    def publish(self, article: Article) -> Outcome:
        """Change the post that has the article's slug, or post it when there is none."""
        publication, found = self._ask(
            FIND, {"host": self._host, "slug": slug(article)}, identities
        )
        if publication is None:
            raise TargetRefused(f"hashnode has no publication {self._host}")
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
            url = self._ask(
                PUBLISH, {"input": new}, lambda made: made["publishPost"]["post"]["url"]
            )
            return {"outcome": "published", "url": url}
        changes = {"input": {**post, "id": found}}
        url = self._ask(UPDATE, changes, lambda made: made["updatePost"]["post"]["url"])
        return {"outcome": "updated", "url": url}

    def _ask(
        self, query: str, variables: dict[str, Any], read: Callable[[dict[str, Any]], Found]
    ) -> Found:
        response = self._api.call("POST", "/", json={"query": query, "variables": variables})
        return self._api.json(response, lambda answer: read(data_of(answer, query)))


def data_of(answer: dict[str, Any], query: str) -> dict[str, Any]:
    """Return the data of an answer, or raise its error."""
    if errors := answer.get("errors"):
        code = (errors[0].get("extensions") or {}).get("code", "no code")
        if code == NOT_FOUND and query == FIND:
            # Of a post that is not there, the answer still has the publication.
            publication = (answer.get("data") or {}).get("publication")
            if publication is not None:
                return {"publication": {**publication, "post": None}}
        message = f"hashnode answered {told(code)}: {told(errors[0].get('message'))}"
        raise (TargetUnavailable if code in TRANSIENT else TargetRefused)(message)
    data: dict[str, Any] = answer["data"]
    return data


def identities(data: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the ids of the publication and of its post, as far as they are there."""
    publication = data["publication"]
    if publication is None:
        return None, None
    post = publication["post"]
    return publication["id"], None if post is None else post["id"]


@cache
def hashnode() -> Hashnode:
    """Return the one that the environment variables describe."""
    api = Target.from_environment("hashnode", bearer)
    return Hashnode(api, config.required("HASHNODE_HOST"))


def publish(article: Article) -> Outcome:
    """Publish an article."""
    return hashnode().publish(article)


handler = step("hashnode", publish)
