"""The parts that unit tests of the functions run against: moto for AWS, a real MariaDB for SQL."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from flowbridge.clients import client
from flowbridge.logs import ROOT
from tests.support.functions import REGION, LambdaContext
from tests.support.mariadb import MariaDB, running_mariadb
from tests.support.silent_aws import silent_aws


@pytest.fixture
def context() -> LambdaContext:
    """A function's context."""
    return LambdaContext()


class RecordKeeper(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)


@pytest.fixture
def logs() -> Iterator[list[logging.LogRecord]]:
    """The records that the functions write while the test runs, DEBUG included.

    pytest's own fixture sees none of them: the functions' logger does not propagate.
    """
    root, keeper = logging.getLogger(ROOT), RecordKeeper()
    level = root.level
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    yield keeper.records
    root.setLevel(level)
    root.removeHandler(keeper)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """An empty AWS account of moto; gives the clients that the functions get.

    Every test of a process has the same clients, for to make one takes longer than most tests.
    """
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    # A short poll of moto finds every message.
    monkeypatch.setattr("ops.recovery.dead_letters.LONG_POLL_SECONDS", 0)
    with mock_aws():
        yield client


@pytest.fixture
def silent(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """An AWS that never answers."""
    with silent_aws(monkeypatch) as server:
        yield server


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Secrets by their identifier, for tests that are about something else than reading them."""
    values: dict[str, str] = {}
    monkeypatch.setattr("flowbridge.secret.read_secret", values.__getitem__)
    return values


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A private MariaDB server, one for each process of the test run."""
    # PyMySQL prepares TLS for each connection, which takes 20 ms, and this server has none.
    unused = ssl.create_default_context()

    def given_or_unused(_: object, given: object) -> object:
        return given or unused

    with running_mariadb() as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("pymysql.connections.Connection._create_ssl_ctx", given_or_unused)
        yield server
