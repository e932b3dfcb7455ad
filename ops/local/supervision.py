"""Start, watch and stop the background programs of the local environment, through supervisord."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from configparser import RawConfigParser
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ops.errors import OperationError
from ops.settings import LOOPBACK

STOP_SECONDS = 15


@dataclass(frozen=True)
class Program:
    """A program to keep running.

    `restart`: restart it when it dies. `folder`: its working folder, by default the supervisor's.
    `pid_file`: the file of its process id, which its command line must name, so that it can be
    ended even when its supervisor was killed.
    """

    name: str
    command: list[str]
    pid_file: Path
    restart: bool
    folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Supervisor:
    """One supervisord and its programs.

    Parameters
    ----------
    folder
        Holds its configuration and process number.
    logs
        Holds a log of each program, kept below 10 MB.
    """

    def __init__(self, folder: Path, logs: Path) -> None:
        self._folder = folder
        self._logs = logs
        self._pid_file = folder / "supervisord.pid"

    def start(self, programs: Iterable[Program]) -> None:
        """Start the programs in the background.

        Raises
        ------
        OperationError
            When supervisord does not start; its own words are in the message.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        # Lines of an earlier run must not be attributed to this one.
        self.log("supervisord").unlink(missing_ok=True)
        configuration = self._folder / "supervisord.conf"
        with configuration.open("w") as stream:
            self._configuration(programs).write(stream)
        result = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
        )
        if result.returncode != 0:
            raise OperationError(
                f"The supervisor did not start: {(result.stderr or result.stdout).strip()}",
                f"See {self.log('supervisord')}.",
            )

    def is_running(self) -> bool:
        """Return whether supervisord runs."""
        return _running(self._pid_file, "supervisord") is not None

    def has_died(self, program: Program) -> bool:
        """Return whether a program ended and will not be restarted."""
        if program.restart:
            log = self.log("supervisord")
            return log.exists() and f"gave up: {program.name} entered FATAL" in log.read_text()
        return program.pid_file.exists() and not self.runs(program)

    def runs(self, program: Program) -> bool:
        """Return whether a program's process exists, even if it does not answer."""
        return _running(program.pid_file, str(program.pid_file)) is not None

    def stop(self, programs: Iterable[Program]) -> bool:
        """Stop supervisord and its programs, and whatever an earlier crash left running.

        Returns
        -------
        bool
            Whether anything ran.

        Raises
        ------
        OperationError
            When a process does not end.
        """
        ended = [end(self._pid_file, "supervisord")]
        ended += [end(program.pid_file, str(program.pid_file)) for program in programs]
        return any(ended)

    def log(self, name: str) -> Path:
        """Return the log file of a program."""
        return self._logs / f"{name}.log"

    def last_lines(self, name: str, count: int = 5) -> str:
        """Return the end of a program's log, for an error message."""
        file = self.log(name)
        if not file.exists():
            return "(no log)"
        return "\n".join(file.read_text(errors="replace").splitlines()[-count:])

    def _configuration(self, programs: Iterable[Program]) -> RawConfigParser:
        parser = RawConfigParser()
        parser["supervisord"] = {
            "logfile": str(self.log("supervisord")),
            "pidfile": str(self._pid_file),
            "directory": str(self._folder),
            "silent": "true",
        }
        if os.geteuid() == 0:
            # With an explicit user, supervisord does not warn that it runs as root.
            parser["supervisord"]["user"] = "root"
        for program in programs:
            parser[f"program:{program.name}"] = {
                "command": " ".join(_quoted(word) for word in program.command),
                "environment": ",".join(f'{k}="{v}"' for k, v in program.environment.items()),
                "autorestart": "true" if program.restart else "false",
                "directory": str(program.folder or self._folder),
                "startsecs": "1",
                "startretries": "3" if program.restart else "0",
                "stopwaitsecs": str(STOP_SECONDS - 5),
                # The emulator's functions are processes of its group.
                "stopasgroup": "true",
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": str(self.log(program.name)),
                "stdout_logfile_maxbytes": "5MB",
                "stdout_logfile_backups": "1",
            }
        return parser


def port_is_free(port: int) -> bool:
    """Return whether a program could listen on a loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def port_has_listener(port: int) -> bool:
    """Return whether a program accepts connections on a loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _quoted(word: str) -> str:
    # supervisord splits the command as a shell would, and expands %(name)s.
    return '"' + word.replace("%", "%%") + '"'


def _running(pid_file: Path, word: str) -> psutil.Process | None:
    """Return the process that a file names, if it runs and its command line holds `word`.

    The word guards against a process id that another program received since. Some systems hide the
    command lines of other users.
    """
    try:
        process = psutil.Process(int(pid_file.read_text()))
        running = process.status() != psutil.STATUS_ZOMBIE and word in " ".join(process.cmdline())
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return process if running else None


def end(pid_file: Path, word: str) -> bool:
    """End the process that a file names, when its command line holds `word`, and wait for it.

    Returns
    -------
    bool
        Whether it ran.

    Raises
    ------
    OperationError
        When it does not end.
    """
    process = _running(pid_file, word)
    if process is not None:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        # Not process.wait(): that also waits until the system has cleared the ended process away.
        while _running(pid_file, word) is not None:
            if time.monotonic() > deadline:
                raise OperationError(
                    f"Process {process.pid} ({word}) did not end within {STOP_SECONDS} s.",
                    f"End it with 'kill -9 {process.pid}'.",
                )
            time.sleep(0.05)
    pid_file.unlink(missing_ok=True)
    return process is not None
