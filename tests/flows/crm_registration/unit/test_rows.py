"""A database that hangs ends the command, with what to do."""

from __future__ import annotations

import json
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from ops.errors import OperationError
from ops.flows.crm_registration import rows
from ops.flows.crm_registration.rows import CrmDatabase as Reader
from ops.local.database import Credentials
from tests.flows.crm_registration.support.database import CrmDatabase

pytestmark = pytest.mark.timeout(30)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a second only."""
    monkeypatch.setattr(rows, "ANSWER_SECONDS", 1)


def reader(port: int, user: Credentials) -> Reader:
    """Return the reader of a local database."""
    location = {"host": "127.0.0.1", "port": port, "name": "crm", "secret_arn": "arn"}
    text = json.dumps({"username": user.username, "password": user.password})
    secrets: Any = SimpleNamespace(get_secret_value=lambda **_: {"SecretString": text})
    return Reader(location, secrets)


def test_a_server_that_accepts_a_connection_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(OperationError, match=f"127.0.0.1:{port} did not answer") as caught:
            reader(port, Credentials("user", "password"))

    assert "make up" in caught.value.action


def test_a_server_that_stops_answering(crm_database: CrmDatabase) -> None:
    server = crm_database.server
    connected = reader(server.port, crm_database.user)
    assert connected.rows("1-9")["CLIENTS"] == []
    other = server.connect(server.root)
    try:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLES CLIENTS WRITE")

        with pytest.raises(OperationError, match="timed out") as caught:
            connected.rows("1-9")
    finally:
        other.close()
        connected.close()

    assert f"127.0.0.1:{server.port} did not answer" in caught.value.problem


def test_a_server_that_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(OperationError, match=f"127.0.0.1:{port} did not answer"):
        reader(port, Credentials("user", "password"))
