"""Remains of a killed emulator are removed, and a database that hangs is named."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.errors import OperationError
from ops.local import certificates
from ops.local.database import DatabaseServer
from ops.local.environment import LocalEnvironment
from ops.local.mariadb_server import write_privately
from ops.local.supervision import Supervisor
from ops.settings import REPOSITORY, LocalSettings, Ports
from tests.support.platform import free_port, selecting, wait_for


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


#: Holds its port and accepts connections, but never answers.
HANGING = """
import os, socket, sys, time
from pathlib import Path
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
part = Path(sys.argv[2] + ".part")
part.write_text(str(os.getpid()))
part.rename(sys.argv[2])
time.sleep(300)
"""


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[LocalSettings]:
    """An environment whose database and emulator hang."""
    # Not tmp_path itself: the test's own processes name that.
    folder = tmp_path / "environment"
    settings = LocalSettings(folder, Ports(free_port(), free_port()))
    (folder / "database").mkdir(parents=True)
    # As the start of a database leaves it.
    write_privately(
        folder / "database" / "administrator.json", '{"username": "a", "password": "b"}'
    )
    programs = {
        settings.ports.database: folder / "database" / "mariadb.pid",
        settings.ports.emulator: folder / "emulator.pid",
    }
    processes = [
        subprocess.Popen([sys.executable, "-c", HANGING, str(port), str(pid_file)])
        for port, pid_file in programs.items()
    ]
    supervisor = Supervisor(folder, settings.logs)
    supervisor.start([])
    wait_for(supervisor.is_running, "the supervisor", 20)
    wait_for(lambda: all(file.exists() for file in programs.values()), "the pid files", 20)
    yield settings
    supervisor.stop([])
    for process in processes:
        process.kill()
        process.wait()


def run(settings: LocalSettings, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command, which must end within a time that a user waits."""
    return subprocess.run(
        [sys.executable, "-m", "ops", command],
        cwd=REPOSITORY,
        env={**os.environ, **selecting(settings)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("command", ["watch", "plan"])
def test_a_command_names_a_database_that_hangs(hanging: LocalSettings, command: str) -> None:
    ended = run(hanging, command)

    assert ended.returncode == 1
    assert "The database of the local environment does not answer, but its process" in ended.stderr
    assert "Type the command again in a minute." in ended.stderr
    assert "type 'make down' and then 'make demo', which loses the events" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_emulator_with_too_much_to_do_is_not_to_be_stopped_at_once(
    hanging: LocalSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatabaseServer, "answers", lambda _: True)

    with pytest.raises(OperationError, match=r"The emulator .* does not answer, but") as caught:
        LocalEnvironment(hanging).require_up()

    assert caught.value.action.startswith("Type the command again in a minute.")
    (hanging.folder / "emulator.pid").write_text("0")
    with pytest.raises(OperationError, match=r"The emulator .* does not answer. The end") as dead:
        LocalEnvironment(hanging).require_up()
    assert dead.value.action.startswith("Type 'make down'")


def test_the_status_of_a_database_that_hangs_is_down(hanging: LocalSettings) -> None:
    ended = run(hanging, "status")

    assert ended.returncode == 1
    assert "database   down" in ended.stdout
