"""The MariaDB server that plays the on-premises database of the local environment."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

import pymysql

from ops.errors import OperationError
from ops.local.mariadb_server import (
    LOCK_SPARE_ACCOUNTS,
    MariaDBError,
    MariaDBServer,
    write_privately,
)
from ops.settings import LOOPBACK

DATABASE_NAME = "crm"
ADMIN_USER = "flowbridge_admin"
ANSWER_SECONDS = 2


@dataclass(frozen=True)
class Credentials:
    """A database user and its password."""

    username: str
    password: str


class DatabaseServer:
    """A private MariaDB server with the CRM's database and its administrator.

    Parameters
    ----------
    folder
        Holds the data files, the password and the start-up script; readable by its owner only.
    port
        The loopback port.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._server = MariaDBServer(folder, port)

    @property
    def pid_file(self) -> Path:
        """Where the running server keeps its process's number."""
        return self._server.pid_file

    def prepare(self) -> Credentials:
        """Make the data folder when it is missing, and return the administrator's credentials.

        Raises
        ------
        OperationError
            When MariaDB is not installed, or cannot make its data folder.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._administrator
        if not file.exists():
            made = {"username": ADMIN_USER, "password": secrets.token_urlsafe(24)}
            write_privately(file, json.dumps(made) + "\n")
        credentials = self._credentials()
        try:
            self._server.prepare(start_script(credentials))
        except MariaDBError as error:
            raise OperationError(error.problem, error.action) from error
        return credentials

    def command(self) -> list[str]:
        """Return the server's command line; `prepare` comes first.

        Raises
        ------
        OperationError
            When MariaDB is not installed.
        """
        try:
            return self._server.command()
        except MariaDBError as error:
            raise OperationError(error.problem, error.action) from error

    def answers(self) -> bool:
        """Return whether the server accepts the administrator's connection."""
        if not self._administrator.exists():
            # It was never started.
            return False
        credentials = self._credentials()
        try:
            pymysql.connect(
                host=LOOPBACK,
                port=self.port,
                user=credentials.username,
                password=credentials.password,
                database=DATABASE_NAME,
                connect_timeout=ANSWER_SECONDS,
                # A server that hangs still accepts connections.
                read_timeout=ANSWER_SECONDS,
                write_timeout=ANSWER_SECONDS,
            ).close()
        except pymysql.MySQLError:
            return False
        return True

    @property
    def _administrator(self) -> Path:
        return self.folder / "administrator.json"

    def _credentials(self) -> Credentials:
        return Credentials(**json.loads(self._administrator.read_text()))


def start_script(administrator: Credentials) -> list[str]:
    """Return the SQL that the server runs at every start.

    It makes the database and its administrator, and locks the accounts without a password that a
    new data folder comes with.
    """
    user, password = administrator.username, administrator.password
    return [
        f"CREATE DATABASE IF NOT EXISTS {DATABASE_NAME} CHARACTER SET utf8mb4;",
        f"CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';",
        f"ALTER USER '{user}'@'%' IDENTIFIED BY '{password}';",
        f"GRANT ALL PRIVILEGES ON {DATABASE_NAME}.* TO '{user}'@'%' WITH GRANT OPTION;",
        f"GRANT CREATE USER, RELOAD ON *.* TO '{user}'@'%';",
        *LOCK_SPARE_ACCOUNTS,
    ]
