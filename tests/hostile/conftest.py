"""What the hostile tests share with the unit tests: a real MariaDB, moto, a look at the logs."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.hostile import TRIED
from tests.unit.article_publishing.test_receive_webhook import states  # noqa: F401  fixtures
from tests.unit.article_publishing.test_steps import run, servers, targets  # noqa: F401
from tests.unit.conftest import (  # noqa: F401  fixtures
    aws,
    context,
    crm_database,
    database_environment,
    fresh_functions,
    logs,
    mariadb,
    migrated,
    secrets,
)

#: How many cases a whole run has to try; the Makefile asks for this of the long form.
LEAST = int(os.environ.get("HOSTILE_LEAST", "0"))


@pytest.fixture(autouse=True)
def note_cases(request: pytest.FixtureRequest) -> Iterator[None]:
    """Note with each test how many cases it tried, for whoever sums them up."""
    before = TRIED[0]
    yield
    request.node.user_properties.append(("cases", TRIED[0] - before))


class Sum:
    """Counts the cases of all tests, whichever process they ran in."""

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
        """Say how many there were."""
        few = f", fewer than {LEAST}" if self.cases < LEAST else ""
        terminalreporter.section(f"{self.cases} hostile cases{few}")


def pytest_configure(config: pytest.Config) -> None:
    """Sum up where the reports of all processes arrive."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Sum())
