"""The CMS: its query API, from which the categories of a document are fetched.

Sanity's API is documented at https://www.sanity.io/docs/http-reference/query.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from flowbridge import config
from flowbridge.secret import Secret

if TYPE_CHECKING:
    from article_publishing.target import Target

#: The document's id is a parameter, so no id can change the query.
CATEGORIES = "*[_id == $id][0].categories[]->{title, slug}"


class Cms:
    """The query API of the CMS."""

    def __init__(self, api: Target) -> None:
        self._api = api

    def categories(self, identity: str) -> list[dict[str, Any]]:
        """Return the categories of a document, with title and slug; none if it has none.

        Raises
        ------
        TargetUnavailable, TargetBusy
            When the CMS may answer later.
        TargetRefused, ConfigurationError
            When the request, the address or the token is wrong.
        """
        question = {"query": CATEGORIES, "$id": json.dumps(identity), "perspective": "published"}
        response = self._api.call("GET", "", params=question)
        found = self._api.json(response, lambda body: body["result"])
        return found if isinstance(found, list) else []


@cache
def cms() -> Cms | None:
    """Return the CMS of ``CMS_QUERY_URL``; None without it."""
    url = config.optional("CMS_QUERY_URL")
    if not url:
        return None
    # Imported here: most webhooks have their categories, and then need no HTTP.
    from article_publishing.target import Target, bearer

    return Cms(Target("the CMS", url, Secret(config.required("CMS_SECRET")), bearer))
