"""PublishToMedium: create the article's post (https://github.com/Medium/medium-api-docs).

The API can neither list nor update posts. Existing posts are found in the author's feed: each one
ends with a link to the article's canonical URL.
"""

from __future__ import annotations

from functools import cache
from html import unescape
from typing import Any

import requests

from article_publishing.article import Article
from article_publishing.errors import OutcomeUnknown, TargetUnavailable
from article_publishing.target import Outcome, Target, bearer, step
from flowbridge import config

MAX_TAGS = 3
MAX_TAG_LENGTH = 25
#: A gateway between us and Medium got no usable response.
GATEWAY_STATUSES = (502, 504)


class Medium:
    """The Medium API, and the author's feed."""

    def __init__(self, api: Target, feed: Target) -> None:
        self._api = api
        self._feed = feed

    def publish(self, article: Article) -> Outcome:
        """Create the post, unless the feed already has it.

        Raises
        ------
        OutcomeUnknown
            When the post was sent but Medium did not respond: the feed may take minutes to show
            the post.
        """
        if (found := self._find(article["canonicalUrl"])) is not None:
            return {"outcome": "found", "url": found}
        me = self._api.call("GET", "/v1/me")
        author = self._api.json(me, lambda body: body["data"]["id"])
        try:
            response = self._api.call("POST", f"/v1/users/{author}/posts", json=self._post(article))
            url = self._api.json(response, lambda body: body["data"]["url"])
        except TargetUnavailable as error:
            if isinstance(error.__cause__, requests.ConnectTimeout) or not may_be_there(error):
                raise
            raise OutcomeUnknown(f"{error}. Check on Medium whether the post exists.") from None
        return {"outcome": "published", "url": url}

    def _find(self, url: str) -> str | None:
        feed = self._feed.call("GET", "").text
        for item in feed.split("<item>")[1:]:
            if f'href="{url}"' in unescape(item):
                link = item.partition("<link>")[2].partition("</link>")[0]
                return unescape(link).partition("?")[0]
        return None

    def _post(self, article: Article) -> dict[str, Any]:
        url = article["canonicalUrl"]
        image = f"![]({article['mainImage']})\n\n" if "mainImage" in article else ""
        return {
            "title": article["title"],
            "contentFormat": "markdown",
            "content": f"# {article['title']}\n\n{image}{article['body']}\n\n"
            f"*First published at [{url}]({url}).*\n",
            "canonicalUrl": url,
            "tags": [tag[:MAX_TAG_LENGTH] for tag in article["categories"][:MAX_TAGS]],
            "publishStatus": "public",
        }


def may_be_there(error: TargetUnavailable) -> bool:
    """Return whether the post may exist in spite of the error.

    Only an error status of Medium itself, not of a gateway, proves that it does not.
    """
    return error.status is None or error.status < 300 or error.status in GATEWAY_STATUSES


@cache
def medium() -> Medium:
    """Return the API configured by the environment variables."""
    api = Target.from_environment("medium", bearer)
    url = config.required("MEDIUM_FEED_URL")
    return Medium(api, Target("medium's feed", url, api.secret, lambda _: {}))


def publish(article: Article) -> Outcome:
    """Publish an article."""
    return medium().publish(article)


handler = step("medium", publish)
