"""Items that pass through a flow while a part is broken, and their fates."""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

from ops.flows import DeployedFlow, inspector
from ops.recovery.reconcile import Fate, Reconciliation, Report
from ops.settings import LOCAL
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

#: How long the items of a stream are apart.
PAUSE = 0.25
#: How often redriving may be needed: whatever is still broken after the first is a defect.
ROUNDS = 3

T = TypeVar("T")


@dataclass
class Stream(ABC, Generic[T]):
    """What is sent to a flow, one after another or at once.

    Parameters
    ----------
    platform
        The flow that it goes to.
    """

    platform: RunningFlow
    items: list[T] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    since: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    @abstractmethod
    def new(self) -> T:
        """Return the next item, not sent yet, and remember it."""

    @abstractmethod
    def put(self, *items: T) -> list[str]:
        """Hand items in at the flow's beginning; return the ids of their events."""

    @abstractmethod
    def is_there_once(self, item: T) -> bool:
        """Return whether an item's results exist exactly once."""

    def send(self, count: int = 1, times: int = 1) -> list[str]:
        """Hand in so many new items at once, each so many times."""
        return self.send_again(
            *(item for item in [self.new() for _ in range(count)] for _ in range(times))
        )

    def send_again(self, *items: T) -> list[str]:
        """Hand in items that are known already."""
        events = self.put(*items)
        self.events += events
        return events

    @contextmanager
    def flowing(self, count: int) -> Iterator[None]:
        """Send items one after another while the block runs; all are sent at its end."""

        def flow() -> None:
            for _ in range(count):
                self.send()
                time.sleep(PAUSE)

        thread = threading.Thread(target=flow)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def ended(self) -> Report:
        """Wait until nothing is on its way, and return what became of all that was accepted."""
        client = self.platform.aws.client("stepfunctions")
        machine = self.platform.flow.state_machine_arn

        def is_still() -> bool:
            running = client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
            return not running["executions"]

        wait_for(is_still, "the end of all executions", 180)
        return self.report()

    def report(self) -> Report:
        """Return what became of all that was accepted since this stream began."""
        client, flow, outputs = self.platform.aws.client, self.platform.flow, self.platform.outputs
        look = inspector(DeployedFlow(flow.name, LOCAL, client, outputs))
        reconciliation = Reconciliation(client, flow, outputs["event_audit"], look)
        return reconciliation.report(self.since, time.sleep)

    def waiting(self, report: Report) -> list[str]:
        """Return why items of this stream wait."""
        return [
            f"{verdict.place}: {verdict.reason}"
            for verdict in report.verdicts
            if verdict.fate is Fate.WAITING and verdict.event.origin in self.events
        ]

    def settle(self) -> Counter[str]:
        """Redrive until nothing waits; then every item must exist exactly once.

        Returns why items waited.
        """
        reasons: Counter[str] = Counter()
        report = self.ended()
        for _ in range(ROUNDS):
            if not (waiting := self.waiting(report)):
                break
            reasons.update(waiting)
            flow = self.platform.flow.name
            run = self.platform.make("redrive", f"FLOW={flow}", "ALL=yes", "RATE=50")
            # Messages without an event stay, which the exit code shows.
            assert "redriven" in run.text, run.text
            report = self.ended()
        self.check(report)
        return reasons

    def check(self, report: Report) -> None:
        """Fail unless nothing is lost, nothing is there twice, and every item is there."""
        assert self.waiting(report) == []
        assert report.is_whole, report.summary
        assert report.counts[Fate.IN_FLIGHT] == 0, report.summary
        known = {verdict.event.id for verdict in report.verdicts}
        assert set(self.events) <= known, "something that was accepted is not accounted for"
        wrong = [item for item in self.items if not self.is_there_once(item)]
        assert not wrong, json.dumps(wrong, default=str)

    def check_with_the_command(self) -> None:
        """Fail unless ``make reconcile`` says the same."""
        since = f"SINCE={self.since:%Y-%m-%dT%H:%M:%SZ}"
        run = self.platform.make("reconcile", f"FLOW={self.platform.flow.name}", since)
        assert run.code == 0, run.text
        assert "0 lost, 0 duplicated" in run.text
