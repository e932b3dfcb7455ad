"""The steps as Step Functions runs them, with their servers here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from article_publishing import (
    index_in_opensearch,
    publish_to_devto,
    publish_to_hashnode,
    publish_to_medium,
)

HANDLERS: dict[str, Callable[[Any, object], dict[str, Any]]] = {
    "medium": publish_to_medium.handler,
    "devto": publish_to_devto.handler,
    "hashnode": publish_to_hashnode.handler,
    "opensearch": index_in_opensearch.handler,
}
MAKERS = (
    publish_to_medium.medium,
    publish_to_devto.devto,
    publish_to_hashnode.hashnode,
    index_in_opensearch.opensearch,
)
ARTICLE = {
    "id": "b1946ac9",
    "revision": "r1",
    "title": "Íñigo's workflows",
    "description": "Why.",
    "body": "Some work begins with **an event**.",
    "categories": ["AWS", "Step Functions", "step functions", "C++", "Go", "Rust"],
    "createdAt": "2026-11-20T16:05:11Z",
    "updatedAt": "2026-11-21T09:30:00.125Z",
    "canonicalUrl": "https://blog.example.com/workflows",
    "mainImage": "https://images.example.com/a.png",
}


def event(**changes: Any) -> dict[str, Any]:
    """Return an article's event."""
    return {"id": "e", "source": "flowbridge.cms", "detail": ARTICLE | changes}
