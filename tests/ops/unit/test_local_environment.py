"""The remains of a killed emulator are removed."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.errors import OperationError
from ops.local import certificates
from ops.local.environment import LocalEnvironment
from ops.settings import LocalSettings, Ports
from tests.support.platform import free_port


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    return LocalSettings(tmp_path, Ports(emulator=1, database=2))


def test_down_ends_the_rds_servers_that_are_left(settings: LocalSettings) -> None:
    folder = settings.folder / "rds" / "111111111111-us-east-1-one"
    folder.mkdir(parents=True)
    pid_file = folder / "mariadb.pid"
    sleep = "import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", sleep, str(pid_file)]) as server:
        pid_file.write_text(str(server.pid))

        LocalEnvironment(settings).down()

        assert server.wait(5) != 0
    assert not folder.parent.exists()


def test_nothing_runs_where_nothing_was_ever_started(settings: LocalSettings) -> None:
    assert LocalEnvironment(settings).status() == {"database": False, "emulator": False}
    assert not list(settings.folder.iterdir())


def test_certificates_are_made_once_and_the_key_is_private(settings: LocalSettings) -> None:
    certificates.make(settings.certificates)
    first = (settings.certificates / certificates.AUTHORITY).read_text()
    certificates.make(settings.certificates)

    assert (settings.certificates / certificates.AUTHORITY).read_text() == first
    assert (settings.certificates / certificates.KEY).stat().st_mode & 0o777 == 0o600


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    """An outgoing connection."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())
        answer, _ = server.accept()
        with answer:
            yield client


@pytest.mark.parametrize("is_over", [False, True])
def test_a_port_of_an_outgoing_connection_is_not_called_a_programs(
    tmp_path: Path, connection: socket.socket, is_over: bool
) -> None:
    port = connection.getsockname()[1]
    if is_over:
        # The side that closes first keeps the port for a minute.
        connection.close()
    environment = LocalEnvironment(LocalSettings(tmp_path, Ports(free_port(), port)))

    with pytest.raises(OperationError, match=f"Port {port} on 127.0.0.1 belongs to") as caught:
        environment.up()

    assert "Wait a minute" in caught.value.action
    assert f"FLOWBRIDGE_DATABASE_PORT={port + 1}" in caught.value.action
