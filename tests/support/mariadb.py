"""A private MariaDB server for tests: the real server, in a temporary folder, gone afterwards.

It is set up as the local environment's is (`ops.local.database`), so that the tests have the same
administrator with the same rights, but it trades durability for speed.
"""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pymysql.cursors

from flowbridge.database import Database, Location
from flowbridge.secret import Secret
from ops.local.database import DATABASE_NAME, Credentials, DatabaseServer, start_script

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 15.0
#: Nothing of a test's database must survive a power cut.
FAST = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=8M",
    "--innodb-fast-shutdown=2",
    "--sync-binlog=0",
    "--skip-networking=0",
)


#: Where Linux keeps files in memory, and the free bytes that a server there needs at least.
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2**30
#: A server of newer releases has TLS by itself.
PLAIN = ("--skip-ssl",)


class MariaDB:
    """A server that tests may stop, start and break.

    Parameters
    ----------
    folder
        Where its files go; short, because a socket's path has a limit.
    """

    host = HOST
    name = DATABASE_NAME

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self._folder = folder
        self._server = DatabaseServer(folder, self.port)
        #: The user in `DATABASE_ADMIN_SECRET`: may only create tables and users.
        self.administrator = self._server.prepare()
        #: May do everything; for tests that break the server.
        self.root = Credentials("test_root", secrets.token_urlsafe(16))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start the server, without TLS unless options say otherwise, and wait until it answers.

        Raises
        ------
        RuntimeError
            When it ends, or takes too long; the message holds the end of its log.
        """
        script = self._folder / "test.sql"
        script.write_text(
            "\n".join(start_script(self.administrator))
            + f"\nCREATE OR REPLACE USER '{self.root.username}'@'%' "
            + f"IDENTIFIED BY '{self.root.password}';\n"
            + f"GRANT ALL PRIVILEGES ON *.* TO '{self.root.username}'@'%' WITH GRANT OPTION;\n"
        )
        command = [*self._server.command(), f"--init-file={script}", *FAST, *(options or PLAIN)]
        log = self._folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"MariaDB did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server; nothing happens when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def execute(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        """Run a statement as the user who may do everything, and return its rows."""
        connection = self.connect(self.root, cursorclass=pymysql.cursors.DictCursor)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def connect(
        self, credentials: Credentials, database: str = DATABASE_NAME, **options: Any
    ) -> pymysql.Connection[Any]:
        """Return a new connection, which its caller closes."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            database=database,
            user=credentials.username,
            password=credentials.password,
            autocommit=True,
            # Making a TLS context for each connection is most of what a test would wait for.
            ssl_disabled=True,
            **options,
        )

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except pymysql.MySQLError:
            return False
        return True


@dataclass(frozen=True)
class ServedDatabase:
    """A database on a server, and the user whose rights the code under test has."""

    server: MariaDB
    user: Credentials

    @property
    def location(self) -> Location:
        """Where it is."""
        return Location(self.server.host, self.server.port, self.server.name)

    def open(self, **options: int) -> Database:
        """Return it as a function opens it."""
        return Database(self.location, secret_of(self.user), **options)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return a table's rows without their numbers, times and executions."""
        rows = self.server.execute(f"SELECT * FROM {table} ORDER BY id")
        hidden = {"id", "created_at", "execution"}
        return [{k: v for k, v in row.items() if k not in hidden} for row in rows]


def secret_of(credentials: Credentials) -> Secret:
    """Return a secret that holds credentials and needs no AWS."""
    text = json.dumps({"username": credentials.username, "password": credentials.password})
    return Secret("credentials", read=lambda _: text)


@contextmanager
def running_mariadb() -> Iterator[MariaDB]:
    """Give a running server, and leave neither a process nor a file behind."""
    with tempfile.TemporaryDirectory(
        prefix="fb-", dir=_parent(), ignore_cleanup_errors=True
    ) as folder:
        server = MariaDB(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _parent() -> Path | None:
    """Return the folder for servers: in memory, where writing waits for no disk; None elsewhere."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    return MEMORY if has_room else None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port
