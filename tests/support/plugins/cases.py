"""Counts the cases that the hostile tests try, in every process of a run."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests.support.cases import TRIED

#: How many cases a whole run has to try; the Makefile asks for this of the long form.
LEAST = int(os.environ.get("HOSTILE_LEAST", "0"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Note with a test how many cases it tried."""
    before = TRIED[0]
    try:
        return (yield)
    finally:
        if TRIED[0] > before:
            item.user_properties.append(("cases", TRIED[0] - before))


class Sum:
    """Counts the cases of all tests, in all processes."""

    def __init__(self) -> None:
        self.cases = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the cases of a test that is over."""
        if report.when == "teardown":
            self.cases += sum(int(str(n)) for name, n in report.user_properties if name == "cases")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run that tried too few."""
        if self.cases < LEAST:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the sum of a run that tried any."""
        if self.cases or LEAST:
            few = f", fewer than {LEAST}" if self.cases < LEAST else ""
            terminalreporter.section(f"{self.cases} hostile cases{few}")


def pytest_configure(config: pytest.Config) -> None:
    """Sum up where the reports of all processes arrive."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Sum())
