"""CatchErrors: queue an article that did not reach every target, and publish the failure."""

from __future__ import annotations

from flowbridge.catch_errors import CatchErrors

handler = CatchErrors("article_publishing", "Article Publishing Failed")
