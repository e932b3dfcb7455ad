"""CatchErrors: queue the event of a failed execution, and publish the failure."""

from __future__ import annotations

from flowbridge.catch_errors import CatchErrors

handler = CatchErrors("crawler_orchestration", "Crawl Failed")
