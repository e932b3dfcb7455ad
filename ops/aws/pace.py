"""Keep a command's calls of AWS below the published quotas, and count them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from emulator.quotas import Quotas

#: Of AWS's quotas. Other programs of the account make calls, too.
SHARE = 0.8
#: A command that made fewer calls does not report them.
MANY = 100


class Pace:
    """The calls of one command.

    Parameters
    ----------
    quotas
        The quotas to stay within; None only counts.
    now, sleep
        The clock; a test passes its own.
    """

    def __init__(
        self,
        quotas: Quotas | None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self._quotas = quotas
        self._now = now
        self._sleep = sleep
        self._started = now()
        self._lock = threading.Lock()

    def watch(self, client: Any) -> None:
        """Count and pace every call of a boto3 client, retries included."""
        service: str = client.meta.service_model.signing_name

        def before(event_name: str, **_: Any) -> None:
            action = event_name.rpartition(".")[2]
            with self._lock:
                self.calls[action] += 1
            # Every account and region has quotas of its own, and a command works in one of them.
            if self._quotas and (delay := self._quotas.delay("", "", service, action)):
                self._sleep(delay)

        client.meta.events.register_first("before-send", before)

    @property
    def summary(self) -> str:
        """The number of calls, their rate, and the most frequent ones; empty when they are few."""
        total = self.calls.total()
        if total < MANY:
            return ""
        seconds = max(self._now() - self._started, 0.001)
        most = ", ".join(f"{name} {count:,}" for name, count in self.calls.most_common(3))
        return f"{total:,} AWS calls in {seconds:,.0f} s, {total / seconds:,.0f} a second: {most}"
