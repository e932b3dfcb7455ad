"""The MariaDB server that plays the on-premises database of the local environment."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pymysql

from ops.errors import OperationError
from ops.settings import LOOPBACK

DATABASE_NAME = "crm"
ADMIN_USER = "flowbridge_admin"
#: Debian keeps the server where only root's PATH looks.
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin")


@dataclass(frozen=True)
class Credentials:
    """A database user and its password."""

    username: str
    password: str


class DatabaseServer:
    """A private MariaDB server: its folder, its command line, its administrator.

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
        self._data = folder / "data"
        self._start_script = folder / "start.sql"

    @property
    def pid_file(self) -> Path:
        """Where the running server keeps its process's number."""
        return self.folder / "mariadb.pid"

    def prepare(self) -> Credentials:
        """Make the data folder when it is missing, and return the administrator's credentials.

        Raises
        ------
        OperationError
            When MariaDB is not installed, or cannot make its data folder.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self._data / "mysql").is_dir():
            self._install()
        credentials = self._credentials()
        self._write_privately(self._start_script, start_script(credentials))
        return credentials

    def command(self) -> list[str]:
        """Return the server's command line; `prepare` comes first."""
        return [
            find_program("mariadbd"),
            "--no-defaults",
            f"--datadir={self._data}",
            f"--port={self.port}",
            f"--bind-address={LOOPBACK}",
            # Relative to the data folder: a socket's full path may have 107 characters at most.
            "--socket=mariadb.sock",
            f"--pid-file={self.pid_file}",
            f"--init-file={self._start_script}",
            "--character-set-server=utf8mb4",
            "--skip-name-resolve",
            "--performance-schema=OFF",
            "--innodb-buffer-pool-size=64M",
            *_as_root(),
        ]

    def answers(self) -> bool:
        """Tell whether the server takes the administrator's connection."""
        credentials = self._credentials()
        try:
            pymysql.connect(
                host=LOOPBACK,
                port=self.port,
                user=credentials.username,
                password=credentials.password,
                database=DATABASE_NAME,
                connect_timeout=2,
            ).close()
        except pymysql.MySQLError:
            return False
        return True

    def _install(self) -> None:
        """Make the system tables; a half-made folder of an interrupted start is made again."""
        shutil.rmtree(self._data, ignore_errors=True)
        command = [
            find_program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={self._data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *_as_root(),
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            shutil.rmtree(self._data, ignore_errors=True)
            raise OperationError(
                f"MariaDB could not make its data folder {self._data}: "
                f"{(result.stderr or result.stdout).strip()[-500:]}",
                "See that the disk has room and that the folder can be written.",
            )

    def _credentials(self) -> Credentials:
        file = self.folder / "administrator.json"
        if not file.exists():
            made = {"username": ADMIN_USER, "password": secrets.token_urlsafe(24)}
            self._write_privately(file, json.dumps(made) + "\n")
        return Credentials(**json.loads(file.read_text()))

    @staticmethod
    def _write_privately(file: Path, text: str) -> None:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)


def start_script(administrator: Credentials) -> str:
    """Return the SQL that the server runs at every start, each statement on one line.

    It makes the database and its administrator, and locks the accounts without a password that a
    new data folder comes with.
    """
    user, password = administrator.username, administrator.password
    return (
        f"CREATE DATABASE IF NOT EXISTS {DATABASE_NAME} CHARACTER SET utf8mb4;\n"
        f"CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';\n"
        f"ALTER USER '{user}'@'%' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL PRIVILEGES ON {DATABASE_NAME}.* TO '{user}'@'%' WITH GRANT OPTION;\n"
        f"GRANT CREATE USER, RELOAD ON *.* TO '{user}'@'%';\n"
        "ALTER USER IF EXISTS 'root'@'localhost' IDENTIFIED VIA unix_socket;\n"
        "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';\n"
        "DELETE FROM mysql.global_priv WHERE User = '';\n"
        "FLUSH PRIVILEGES;\n"
    )


def find_program(name: str) -> str:
    """Return the path of a MariaDB program.

    Raises
    ------
    OperationError
        When it is not installed.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
    found = shutil.which(name, path=path)
    if found is None:
        raise OperationError(
            f"MariaDB's program {name} is not installed.", "Type 'make setup', which installs it."
        )
    return found


def _as_root() -> list[str]:
    # MariaDB refuses to run as root unless it is told to.
    return ["--user=root"] if os.geteuid() == 0 else []
