"""Background programs: started, restarted, stopped, never left behind."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.local.supervision import Program, Supervisor, port_is_free

SLEEPER = (
    "import os, pathlib, sys, time;"
    "pathlib.Path(sys.argv[1]).write_text(str(os.getpid()));"
    "print('awake', flush=True);"
    "time.sleep(60)"
)


def sleeper(folder: Path, name: str, restart: bool) -> Program:
    pid_file = folder / f"{name}.pid"
    return Program(name, [sys.executable, "-c", SLEEPER, str(pid_file)], pid_file, restart)


def eventually(condition: Callable[[], bool], seconds: float = 8) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def pid(program: Program) -> int:
    text = program.pid_file.read_text() if program.pid_file.exists() else ""
    return int(text or 0)


def is_alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{number}/status").read_text()


@pytest.fixture
def programs(tmp_path: Path) -> list[Program]:
    return [sleeper(tmp_path, "lasting", True), sleeper(tmp_path, "mortal", False)]


@pytest.fixture
def supervisor(tmp_path: Path, programs: list[Program]) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, tmp_path / "logs")
    supervisor.start(programs)
    assert eventually(lambda: all(pid(p) for p in programs))
    yield supervisor
    supervisor.stop(programs)


def test_programs_run_log_and_stop(supervisor: Supervisor, programs: list[Program]) -> None:
    numbers = [pid(p) for p in programs]
    assert supervisor.is_running()
    assert eventually(lambda: supervisor.last_lines("mortal") == "awake")

    assert supervisor.stop(programs)

    assert not supervisor.is_running()
    assert not any(is_alive(number) for number in numbers)
    assert not supervisor.stop(programs)


def test_what_was_killed_comes_back_or_is_ended(
    tmp_path: Path, supervisor: Supervisor, programs: list[Program]
) -> None:
    lasting, mortal = programs
    before = pid(lasting)
    os.kill(before, signal.SIGKILL)
    os.kill(pid(mortal), signal.SIGKILL)

    assert eventually(lambda: pid(lasting) not in (0, before) and is_alive(pid(lasting)))
    assert eventually(lambda: supervisor.has_died(mortal))
    assert not supervisor.has_died(lasting)

    last = pid(lasting)
    # Without their supervisor too, the programs are found and ended.
    os.kill(int((tmp_path / "supervisord.pid").read_text()), signal.SIGKILL)
    assert eventually(lambda: not supervisor.is_running())
    assert supervisor.stop(programs)
    assert eventually(lambda: not is_alive(last))


def test_a_port_in_use_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not port_is_free(port)
    assert port_is_free(port)
