"""Where the time of a run goes: by folder, by file, by test, by shared fixture and by process.

``--times FILE`` writes the tables as Markdown and prints the top of each. The CPU seconds are those
of the test's own process and of the commands that it waited for, so a test with far more seconds
than CPU seconds waits. Emulators and databases run in processes of their own, which do not count.
"""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

#: How many rows the tables of tests and fixtures have.
MOST = 20
#: How many of them the terminal shows.
SHOWN = 5
#: Shared fixtures that take less are left out.
LEAST_SECONDS = 0.5

Row = tuple[str, ...]


@dataclass
class Spent:
    """The seconds of a test, or of all tests below a folder."""

    name: str
    tests: int = 0
    setup: float = 0
    call: float = 0
    teardown: float = 0
    cpu: float = 0

    @property
    def seconds(self) -> float:
        """All of them."""
        return self.setup + self.call + self.teardown

    def add(self, other: Spent) -> None:
        """Add another one's."""
        self.tests += other.tests
        for name in ("setup", "call", "teardown", "cpu"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def row(self) -> Row:
        """Return it as a row of a table."""
        parts = (self.seconds, self.setup, self.call, self.teardown, self.cpu)
        return (self.name, str(self.tests), *(f"{part:.1f}" for part in parts))


HEAD = ("", "tests", "seconds", "setup", "call", "teardown", "CPU")


@dataclass
class Worker:
    """When a process of the run was busy."""

    first: float = float("inf")
    last: float = 0
    busy: float = 0


@dataclass
class Times:
    """Collects the reports of all processes."""

    file: Path
    tests: dict[str, Spent] = field(default_factory=dict)
    #: The seconds of each set-up of a shared fixture, by its name.
    fixtures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    workers: dict[str, Worker] = field(default_factory=lambda: defaultdict(Worker))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase of a test."""
        spent = self.tests.setdefault(report.nodeid, Spent(report.nodeid, tests=1))
        setattr(spent, report.when, getattr(spent, report.when) + report.duration)
        worker = self.workers[getattr(report, "worker_id", "main")]
        worker.first = min(worker.first, report.start)
        worker.last = max(worker.last, report.stop)
        worker.busy += report.duration
        if report.when == "teardown":
            for name, value in report.user_properties:
                if name == "cpu":
                    spent.cpu += float(str(value))
                elif name.startswith("fixture "):
                    self.fixtures[name.removeprefix("fixture ")].append(float(str(value)))

    def folders(self) -> list[Spent]:
        """Return what each folder of a kind spent, the slowest first."""
        return self._sums(lambda name: str(Path(name.partition("::")[0]).parent))

    def _sums(self, key: Callable[[str], str]) -> list[Spent]:
        found: dict[str, Spent] = {}
        for name, spent in self.tests.items():
            where = key(name)
            found.setdefault(where, Spent(where)).add(spent)
        return slowest(found.values())

    def tables(self) -> list[tuple[str, Row, list[Row]]]:
        """Return the tables: their titles, heads and rows."""
        total = Spent("all")
        for spent in self.tests.values():
            total.add(spent)
        fixtures = sorted(self.fixtures.items(), key=lambda item: -sum(item[1]))
        begin = min((worker.first for worker in self.workers.values()), default=0)
        return [
            ("Folders", HEAD, [spent.row() for spent in (total, *self.folders())]),
            (
                "Shared fixtures",
                ("", "set up", "seconds"),
                [
                    (name, str(len(seconds)), f"{sum(seconds):.1f}")
                    for name, seconds in fixtures[:MOST]
                    if sum(seconds) >= LEAST_SECONDS
                ],
            ),
            (f"Slowest {MOST}", HEAD, [s.row() for s in slowest(self.tests.values())[:MOST]]),
            (
                "Processes",
                ("", "first test at", "last test ended at", "busy"),
                [
                    (name, *(f"{x:.0f}" for x in (w.first - begin, w.last - begin, w.busy)))
                    for name, w in sorted(self.workers.items())
                ],
            ),
            (
                "Files",
                HEAD,
                [s.row() for s in self._sums(lambda name: name.partition("::")[0])],
            ),
        ]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the file, and print the top of each short table."""
        if not self.tests:
            return
        tables = self.tables()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(
            "\n\n".join(f"## {title}\n\n{markdown(head, rows)}" for title, head, rows in tables)
            + "\n"
        )
        terminalreporter.section(f"times, all of them in {self.file}")
        for title, head, rows in tables[:4]:
            terminalreporter.write_line(f"{title}\n{aligned(head, rows[:SHOWN])}\n")


class Clock:
    """Notes the CPU seconds of tests and the time of shared fixtures, in each process."""

    def __init__(self) -> None:
        #: The time of the fixtures that each fixture being set up asked for.
        self._inner: list[float] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Start counting a test's CPU seconds."""
        item.stash[CPU] = cpu_seconds()
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Note a test's CPU seconds."""
        item.user_properties.append(("cpu", cpu_seconds() - item.stash[CPU]))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Note how long a fixture of several tests took, less what it asked for itself."""
        started = time.monotonic()
        self._inner.append(0)
        try:
            return (yield)
        finally:
            seconds = time.monotonic() - started
            own = seconds - self._inner.pop()
            if self._inner:
                self._inner[-1] += seconds
            if fixturedef.scope in ("module", "session"):
                request._pyfuncitem.user_properties.append((f"fixture {fixturedef.argname}", own))


CPU = pytest.StashKey[float]()


def cpu_seconds() -> float:
    """Return the CPU seconds of this process, and of those that it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def slowest(spent: Iterable[Spent]) -> list[Spent]:
    """Return the slowest first."""
    return sorted(spent, key=attrgetter("seconds"), reverse=True)


def markdown(head: Row, rows: list[Row]) -> str:
    """Return a table as Markdown."""
    lines = [head, ("---", *("---:" for _ in head[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def aligned(head: Row, rows: list[Row]) -> str:
    """Return a table as aligned text, its names last."""
    lines = [head, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(1, len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line[1:], widths, strict=True))
        + f"  {line[0]}"
        for line in lines
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--times``."""
    parser.addoption("--times", type=Path, metavar="FILE", help="write where the time went")


def pytest_configure(config: pytest.Config) -> None:
    """Collect where the reports of all processes arrive."""
    file: Path | None = config.getoption("--times")
    if file is not None:
        config.pluginmanager.register(Clock())
        if not hasattr(config, "workerinput"):
            config.pluginmanager.register(Times(file))
