"""How many hostile cases were tried."""

from __future__ import annotations

#: How many this process has tried.
TRIED = [0]
