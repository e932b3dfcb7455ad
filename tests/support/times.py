"""Times that tests share."""

from __future__ import annotations

from datetime import UTC, datetime

#: When a test's execution starts.
START = datetime(2026, 1, 1, tzinfo=UTC)
