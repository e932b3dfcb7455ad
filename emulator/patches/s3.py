"""S3.

- ``conditional-writes``: policies cannot read whether a write is conditional
  (``s3:if-none-match``, ``s3:ObjectCreationOperation``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from emulator.settings import Settings

GAPS = ("conditional-writes",)

JsonObject = dict[str, Any]


def apply(_: Settings) -> None:
    """Close the gap."""
    from ministack.core import iam_actions

    iam_actions.s3_service_context = with_conditional_writes(iam_actions.s3_service_context)


def with_conditional_writes(context: Callable[..., JsonObject]) -> Callable[..., JsonObject]:
    """Return MiniStack's reading of an S3 request, with the conditions of a write."""

    def context_of_write(
        action: str, query: Mapping[str, Any], path: str, headers: Mapping[str, str]
    ) -> JsonObject:
        found = dict(context(action, query, path, headers))
        if action == "s3:PutObject":
            # Starting a multipart upload, or a part of it, creates no object yet.
            creates = "uploads" not in query and "partNumber" not in query
            found["s3:ObjectCreationOperation"] = str(creates).lower()
            if "if-none-match" in headers:
                found["s3:if-none-match"] = headers["if-none-match"]
        return found

    return context_of_write
