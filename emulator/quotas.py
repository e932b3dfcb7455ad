"""AWS's published quotas: token buckets by account, region and action, and other limits.

``quotas.json`` holds the numbers, each with the page that publishes it and the day on which the two
were compared. This module uses nothing of the emulator, so that tests of other parts can meet the
same quotas.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("quotas.json")
#: Begins the one value of the setting; a scale may follow, such as ``aws:0.1``.
AWS = "aws"


class TokenBucket:
    """A bucket that starts full; each call takes a token, and time refills it.

    Parameters
    ----------
    capacity
        The most tokens that it holds.
    refill
        Tokens a second.
    now
        The clock, in seconds.
    """

    def __init__(
        self, capacity: float, refill: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.capacity = capacity
        self.refill = refill
        self._now = now
        self._tokens = capacity
        self._filled = now()

    def take(self) -> bool:
        """Take a token; return whether there was one."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def claim(self) -> float:
        """Take a token in any case; return the seconds until it is there."""
        self._fill()
        self._tokens -= 1
        return max(0.0, -self._tokens / self.refill)

    def _fill(self) -> None:
        now = self._now()
        self._tokens = min(self.capacity, self._tokens + (now - self._filled) * self.refill)
        self._filled = now


@dataclass(frozen=True)
class Published:
    """A bucket as AWS publishes it; its actions share the tokens."""

    service: str
    actions: tuple[str, ...]
    capacity: float
    refill: float


class Quotas:
    """The quotas of every account and region.

    Parameters
    ----------
    scale
        Multiplies each number, so that a test meets a quota with few calls.
    now
        The clock, in seconds.
    seed
        Decides which short polls find nothing.
    """

    def __init__(
        self, scale: float = 1, now: Callable[[], float] = time.monotonic, seed: int = 0
    ) -> None:
        read = json.loads(FILE.read_text(encoding="utf-8"))
        self._published = {
            (bucket.service, action): bucket
            for bucket in (
                Published(b["service"], tuple(b["actions"]), b["capacity"], b["refill"])
                for b in read["buckets"]
            )
            for action in bucket.actions
        }
        self._limits: dict[str, float] = {
            name: limit["value"] for name, limit in read["limits"].items()
        }
        self._scale = scale
        self._now = now
        self._random = random.Random(seed)  # noqa: S311  not a secret
        self._buckets: dict[tuple[str, str, Published], TokenBucket] = {}
        self._lock = threading.Lock()

    def admits(self, account: str, region: str, service: str, action: str) -> bool:
        """Return whether a call is within its quota, and count it. Other actions have none."""
        with self._lock:
            bucket = self._bucket(account, region, service, action)
            return bucket is None or bucket.take()

    def delay(self, account: str, region: str, service: str, action: str) -> float:
        """Count a call that AWS delays instead of refusing it; return the delay in seconds."""
        with self._lock:
            bucket = self._bucket(account, region, service, action)
            return bucket.claim() if bucket else 0.0

    def limit(self, name: str) -> int:
        """Return a limit that is not a rate, at least 1."""
        return max(1, int(self._limits[name] * self._scale))

    def short_poll_finds_nothing(self) -> bool:
        """Return whether a short poll asks only servers of SQS that have no message."""
        share = self._limits["sqs_false_empty_share"]
        with self._lock:
            return self._random.random() < share

    def _bucket(self, account: str, region: str, service: str, action: str) -> TokenBucket | None:
        published = self._published.get((service, action))
        if published is None:
            return None
        key = (account, region, published)
        if key not in self._buckets:
            self._buckets[key] = TokenBucket(
                max(1.0, published.capacity * self._scale),
                published.refill * self._scale,
                self._now,
            )
        return self._buckets[key]


def scale_of(setting: str) -> float:
    """Return the scale in the value of the setting.

    Raises
    ------
    ValueError
        When it is neither ``aws`` nor ``aws:`` and a number above 0.
    """
    name, separator, text = setting.partition(":")
    scale = float(text) if separator else 1.0
    if name != AWS or not 0 < scale < float("inf"):
        raise ValueError(setting)
    return scale
