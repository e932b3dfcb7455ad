"""IndexInOpenSearch: index the article under its own id.

The document's version is the revision's time, so OpenSearch keeps the newest revision in any order
of arrival (https://docs.opensearch.org/latest/api-reference/document-apis/index-document/).
"""

from __future__ import annotations

import base64
from functools import cache
from urllib.parse import quote

from article_publishing.article import Article, version
from article_publishing.target import Outcome, Target, step
from flowbridge import config
from flowbridge.secret import Secret

CONFLICT = 409


class OpenSearch:
    """One index of OpenSearch."""

    def __init__(self, api: Target, index: str) -> None:
        self._api = api
        self._index = index

    def publish(self, article: Article) -> Outcome:
        """Index the article, unless the index has a newer revision."""
        path = f"/{quote(self._index)}/_doc/{quote(article['id'], safe='')}"
        response = self._api.call(
            "PUT",
            path,
            good=(CONFLICT,),
            params={"version": version(article), "version_type": "external_gte"},
            json={name: value for name, value in article.items() if name != "targets"},
        )
        if response.status_code == CONFLICT:
            return {"outcome": "newer there", "url": path}
        result = self._api.json(response, lambda body: body["result"])
        return {"outcome": "published" if result == "created" else "updated", "url": path}


def basic(secret: Secret) -> dict[str, str]:
    """Return the header for HTTP basic authentication."""
    user = secret.fields("username", "password")
    text = f"{user['username']}:{user['password']}".encode()
    return {"Authorization": f"Basic {base64.b64encode(text).decode()}"}


@cache
def opensearch() -> OpenSearch:
    """Return the index configured by the environment variables."""
    api = Target.from_environment("opensearch", basic)
    return OpenSearch(api, config.required("OPENSEARCH_INDEX"))


def publish(article: Article) -> Outcome:
    """Index an article."""
    return opensearch().publish(article)


handler = step("opensearch", publish)
