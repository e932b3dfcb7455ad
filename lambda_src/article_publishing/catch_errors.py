"""CatchErrors: keep an article that is not everywhere yet, and tell the bus of it."""

from __future__ import annotations

from flowbridge.failures import CatchErrors

handler = CatchErrors("article_publishing", "Article Publishing Failed")
