"""The local environment starts, reports problems, survives, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.flows import flow_with
from tests.support.platform import Platform, wait_for


def processes(folder: Path) -> list[psutil.Process]:
    """Return the processes whose command line names a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            zombie = process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            continue
        if not zombie and any(str(folder) in word for word in words):
            found.append(process)
    return found


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Platform]:
    """A local environment of the test's own, not started."""
    # Not tmp_path itself: the test's own processes name that.
    environment = Platform.new(tmp_path / "environment")
    yield environment
    environment.make("down")


def test_up_twice_and_down_leave_nothing(environment: Platform) -> None:
    folder = environment.settings.folder
    first = environment.make("up")
    assert first.code == 0, first.text
    second = environment.make("up")

    assert "they run already" in second.text
    listening = [
        connection.laddr.ip
        for process in processes(folder)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 2
    assert set(listening) == {"127.0.0.1"}

    down = environment.make("down")

    assert down.code == 0, down.text
    assert processes(folder) == []
    for port in (environment.settings.ports.emulator, environment.settings.ports.database):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


def test_a_port_in_use_is_named_with_its_mend_and_nothing_stays_running(
    environment: Platform,
) -> None:
    port = environment.settings.ports.database
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()

        up = environment.make("up")

    assert up.code != 0
    assert f"Port {port} on 127.0.0.1 is in use by another program." in up.text
    assert f"FLOWBRIDGE_DATABASE_PORT={port + 1}" in up.text
    assert "Traceback" not in up.text
    assert processes(environment.settings.folder) == []


def test_an_emulator_that_died_and_a_database_that_hangs_are_named_and_started_again(
    environment: Platform,
) -> None:
    environment.make("up")
    pid = int((environment.settings.folder / "emulator.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(pid), "the emulator's end")

    watch = environment.make("watch")
    assert watch.code != 0
    assert "The emulator of the local environment does not answer" in watch.text
    assert "make down" in watch.text
    assert "Traceback" not in watch.text
    status = environment.make("status")
    assert "emulator   down" in status.text

    again = environment.make("up")
    assert again.code == 0, again.text
    assert environment.make("status").code == 0

    # The database hangs.
    pid = int((environment.settings.folder / "database" / "mariadb.pid").read_text())
    os.kill(pid, signal.SIGSTOP)

    watch = environment.make("watch", timeout=60)
    assert watch.code != 0
    assert "The database of the local environment does not answer" in watch.text
    assert "make down" in watch.text
    assert "Traceback" not in watch.text

    again = environment.make("up", timeout=120)
    assert again.code == 0, again.text
    assert environment.make("status").code == 0
    wait_for(lambda: not psutil.pid_exists(pid), "the end of the hung database")


def test_commands_without_an_environment_say_how_to_get_one(environment: Platform) -> None:
    for command in (["watch"], ["plan"], ["send", f"FILE=examples/{flow_with('demo')}/event.json"]):
        run = environment.make(*command)

        assert run.code != 0
        assert "The local environment is not running." in run.text
        assert "make demo" in run.text
        assert "Traceback" not in run.text


def test_a_database_that_cannot_start_shows_its_log_and_leaves_nothing(
    environment: Platform,
) -> None:
    data = environment.settings.folder / "database" / "data"
    (data / "mysql").mkdir(parents=True)
    (data / "ibdata1").write_text("no InnoDB file")

    up = environment.make("up")

    assert up.code != 0
    assert "The database of the local environment does not answer" in up.text
    assert "InnoDB" in up.text
    assert "Traceback" not in up.text
    assert processes(environment.settings.folder) == []
