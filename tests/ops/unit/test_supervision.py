"""Which process a file with a number means, and how it is ended."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from ops.local.supervision import Supervisor, end


def refuse(self: psutil.Process) -> list[str]:
    raise psutil.AccessDenied(self.pid)


def test_a_number_that_another_users_process_got_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = tmp_path / "supervisord.pid"
    pid_file.write_text(str(os.getpid()))
    # As macOS answers for other users' processes.
    monkeypatch.setattr(psutil.Process, "cmdline", refuse)

    assert not Supervisor(tmp_path, tmp_path).is_running()
    assert not end(pid_file, "supervisord")
    assert not pid_file.exists()


def test_a_process_may_end_before_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = tmp_path / "one.pid"
    pid_file.write_text(str(os.getpid()))

    def gone(self: psutil.Process) -> None:
        pid_file.write_text("")
        raise psutil.NoSuchProcess(self.pid)

    monkeypatch.setattr(psutil.Process, "cmdline", lambda _: [str(pid_file)])
    monkeypatch.setattr(psutil.Process, "terminate", gone)

    assert end(pid_file, str(pid_file))
