"""The CMS's side of the webhook, and the Step Functions behind it, without AWS."""

from __future__ import annotations

import json
import time
from typing import Any

from article_publishing.signature import sign

SECRET = "signing-secret"
SITE = "https://blog.example.com/"
DOCUMENT = {
    "_id": "b1946ac9-2d1c",
    "_rev": "r1",
    "_type": "post",
    "_createdAt": "2026-11-20T16:05:11Z",
    "_updatedAt": "2026-11-21T09:30:00Z",
    "title": " Starting workflows from code ",
    "description": "Why.",
    "slug": {"_type": "slug", "current": "starting-workflows"},
    "body": "Some work begins with **an event**.",
    "categories": [{"title": "AWS"}, "Go"],
    "mainImage": {"asset": {"url": "https://images.example.com/a.png"}},
    "author": {"email": "someone@example.com"},
}
#: The names in a document.
FIELDS = (
    *("_id", "_rev", "_createdAt", "_updatedAt", "title", "description", "slug", "body"),
    *("categories", "mainImage"),
)


class States:
    """Step Functions, as far as the function uses it."""

    class exceptions:  # noqa: N801  as boto3 calls it
        class ExecutionAlreadyExists(Exception):  # noqa: N818
            pass

    def __init__(self) -> None:
        self.started: dict[str, Any] = {}
        self.error: Exception | None = None

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> None:  # noqa: N803
        assert stateMachineArn == "arn:live"
        if self.error is not None:
            raise self.error
        if name in self.started:
            raise self.exceptions.ExecutionAlreadyExists
        self.started[name] = json.loads(input)


def signed(body: Any, *, secret: str = SECRET, age_ms: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a request as API Gateway gives it, signed as the CMS does."""
    text = body if isinstance(body, str) else json.dumps(body)
    now = time.time_ns() // 1_000_000 - age_ms
    header = f"t={now},v1={sign(now, text.encode(), secret)}"
    headers = {"Content-Type": "application/json", "Sanity-Webhook-Signature": header}
    return {"httpMethod": "POST", "body": text, "headers": headers, **changes}
