"""Start and stop the local environment, and report its status."""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ops.aws.clients import Aws
from ops.errors import OperationError
from ops.flows import all_hooks
from ops.local import certificates
from ops.local.database import Credentials, DatabaseServer
from ops.local.stand_ins import put_secret
from ops.local.supervision import Program, Supervisor, end, port_has_listener, port_is_free
from ops.settings import (
    DATABASE_PORT_VARIABLE,
    EMULATOR_PORT_VARIABLE,
    LOCAL,
    REPOSITORY,
    LocalSettings,
)

ADMIN_SECRET = "flowbridge-local-database-admin"  # noqa: S105  a name, not a value
START_SECONDS = 30
#: The emulator's program, to be run in the repository.
EMULATOR = (str(REPOSITORY / ".venv-emulator" / "bin" / "python"), "-m", "emulator.server")


class LocalEnvironment:
    """The emulator and the database of one folder.

    Parameters
    ----------
    settings
        The folder and the ports.
    """

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self.database = DatabaseServer(settings.folder / "database", settings.ports.database)
        self._supervisor = Supervisor(settings.folder, settings.logs)

    def up(self) -> bool:
        """Start what does not run; return whether anything was started.

        Raises
        ------
        OperationError
            When a port is taken, or a program does not answer in time. Nothing is left running.
        """
        if self._supervisor.is_running():
            if all(answers() for answers in self._probes().values()):
                # An interrupted start may not have come to them.
                self._put_stand_ins(self.database.prepare())
                return False
            self.down()
        self._clear()
        self._check_ports()
        credentials = self.database.prepare()
        certificates.make(self.settings.certificates)
        self.settings.record_ports()
        self.settings.record_quotas()
        self._emulator_files.mkdir(exist_ok=True)
        try:
            self._supervisor.start(self._programs())
            for program in self._programs():
                self._wait_for(program)
            self._put_stand_ins(credentials)
        except BaseException:
            self.down()
            raise
        return True

    def down(self) -> bool:
        """Stop everything; return whether anything ran."""
        ran = self._supervisor.stop(self._programs())
        self.settings.forget_emulator()
        self._clear()
        return ran

    def status(self) -> dict[str, bool]:
        """Return for each program whether it answers."""
        return {name: answers() for name, answers in self._probes().items()}

    def require_up(self) -> None:
        """Refuse to go on without a running environment.

        Raises
        ------
        OperationError
            Which program does not answer, with the end of its log.
        """
        if not self._supervisor.is_running():
            raise OperationError("The local environment is not running.", "Type 'make demo'.")
        probes = self._probes()
        for program in self._programs():
            if not probes[program.name]():
                if self._supervisor.runs(program):
                    raise self._silent(program)
                raise self._dead(program.name)

    def _clear(self) -> None:
        """Clear away what the emulator left: unpacked code, and servers when it was killed."""
        for pid_file in self._rds_servers.glob("*/mariadb.pid"):
            end(pid_file, str(pid_file))
        for folder in (self._rds_servers, self._emulator_files):
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _emulator_files(self) -> Path:
        return self.settings.folder / "emulator"

    @property
    def _rds_servers(self) -> Path:
        return self.settings.folder / "rds"

    def _probes(self) -> dict[str, Callable[[], bool]]:
        return {"database": self.database.answers, "emulator": self._emulator_answers}

    def _programs(self) -> list[Program]:
        pid_file = self.settings.folder / "emulator.pid"
        return [
            Program(
                name="database",
                command=self.database.command(),
                pid_file=self.database.pid_file,
                restart=True,
            ),
            Program(
                name="emulator",
                command=[
                    *EMULATOR,
                    f"--port={self.settings.ports.emulator}",
                    f"--pid-file={pid_file}",
                    f"--databases={self._rds_servers}",
                    f"--certificates={self.settings.certificates}",
                    f"--quotas={self.settings.quotas}",
                ],
                pid_file=pid_file,
                folder=REPOSITORY,
                environment={"TMPDIR": str(self._emulator_files)},
                # It keeps its resources in memory: one that came back empty would only confuse.
                restart=False,
            ),
        ]

    def _emulator_answers(self) -> bool:
        url = f"{self.settings.endpoint}/_ministack/health"
        try:
            with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310  loopback
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def _check_ports(self) -> None:
        for port, variable in (
            (self.settings.ports.emulator, EMULATOR_PORT_VARIABLE),
            (self.settings.ports.database, DATABASE_PORT_VARIABLE),
        ):
            if port_is_free(port):
                continue
            other = f"choose another port: {variable}={port + 1} make up"
            if port_has_listener(port):
                raise OperationError(
                    f"Port {port} on 127.0.0.1 is in use by another program.",
                    f"Stop that program, or {other}",
                )
            # Linux takes the ports of outgoing connections from 32768 to 60999.
            raise OperationError(
                f"Port {port} on 127.0.0.1 belongs to a connection of another program, and for a "
                "minute after its end.",
                f"Wait a minute, or {other}",
            )

    def _wait_for(self, program: Program) -> None:
        answers = self._probes()[program.name]
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if time.monotonic() > deadline or self._supervisor.has_died(program):
                raise self._dead(program.name)
            time.sleep(0.1)

    def _dead(self, name: str) -> OperationError:
        log = self._supervisor.log(name)
        return OperationError(
            f"The {name} of the local environment does not answer. The end of {log}:\n"
            f"{self._supervisor.last_lines(name)}",
            "Type 'make down' and then 'make demo' to start again.",
        )

    def _silent(self, program: Program) -> OperationError:
        """Return the error of a program that runs: a restart would lose what the emulator holds."""
        return OperationError(
            f"The {program.name} of the local environment does not answer, but its process "
            f"{program.pid_file.read_text().strip()} runs. It may have too much to do.",
            "Type the command again in a minute. If that does not help, type 'make down' and then "
            "'make demo', which loses the events that are under way.",
        )

    def _put_stand_ins(self, credentials: Credentials) -> None:
        """Create what other teams own elsewhere: the database's administrator, and more by flow."""
        aws = Aws(LOCAL, self.settings)
        value = json.dumps({"username": credentials.username, "password": credentials.password})
        put_secret(aws.client, ADMIN_SECRET, value)
        for hooks in all_hooks().values():
            if hooks.stand_ins:
                hooks.stand_ins(aws.client, self.settings.endpoint)
