"""A private MariaDB server: its folder, its data, its command line.

The local environment's database is one, and so is each RDS instance of the emulator. The emulator
runs in a Python environment of its own, so this module needs the standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
#: Debian keeps the server where only root's PATH looks.
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin")
#: The accounts without a password that a new data folder comes with.
LOCK_SPARE_ACCOUNTS = (
    "ALTER USER IF EXISTS 'root'@'localhost' IDENTIFIED VIA unix_socket;",
    "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';",
    "DELETE FROM mysql.global_priv WHERE User = '';",
    "FLUSH PRIVILEGES;",
)


class MariaDBError(Exception):
    """MariaDB cannot be used here.

    Parameters
    ----------
    problem
        One sentence: what is wrong, and where.
    action
        One sentence: what to do next.
    """

    def __init__(self, problem: str, action: str) -> None:
        super().__init__(f"{problem} {action}")
        self.problem = problem
        self.action = action


@dataclass(frozen=True)
class MariaDBServer:
    """A server by its folder and its loopback port.

    The folder holds the data files and the start-up script, and is readable by its owner only.
    """

    folder: Path
    port: int

    @property
    def pid_file(self) -> Path:
        """Where the running server keeps its process's number."""
        return self.folder / "mariadb.pid"

    def prepare(self, statements: Iterable[str]) -> None:
        """Make the data folder when it is missing, and write what the server runs at every start.

        Parameters
        ----------
        statements
            SQL that may be repeated, each statement on one line.

        Raises
        ------
        MariaDBError
            When MariaDB is not installed, or cannot make its data folder.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._temporary.mkdir(exist_ok=True)
        if not (self._data / "mysql").is_dir():
            self._install()
        write_privately(self._start_script, "".join(f"{line}\n" for line in statements))

    def command(self, *options: str) -> list[str]:
        """Return the server's command line; `prepare` comes first."""
        return [
            find_program("mariadbd"),
            "--no-defaults",
            f"--datadir={self._data}",
            f"--tmpdir={self._temporary}",
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
            *options,
            *_as_root(),
        ]

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _temporary(self) -> Path:
        """A folder of its own: a server that starts removes the temporary tables of every other."""
        return self.folder / "temporary"

    @property
    def _start_script(self) -> Path:
        return self.folder / "start.sql"

    def _install(self) -> None:
        """Create the system tables.

        They get their name when they are complete, so an interrupted start leaves no half of them.
        """
        program = find_program("mariadb-install-db")
        for left in (self._data, *self.folder.glob(f"{self._data.name}.part.*")):
            shutil.rmtree(left, ignore_errors=True)
        # A folder of its own: the server of an interrupted start may still write into the last one.
        part = Path(tempfile.mkdtemp(dir=self.folder, prefix=f"{self._data.name}.part."))
        (part / "temporary").mkdir()
        command = [
            program,
            "--no-defaults",
            # Relative, the first to this folder and the second to the first: the script cannot
            # handle a path with spaces.
            f"--datadir=./{part.name}/data",
            "--tmpdir=../temporary",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *_as_root(),
        ]
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, check=False, cwd=self.folder
            )
            if result.returncode != 0:
                raise MariaDBError(
                    f"MariaDB could not create its data folder {self._data}: "
                    f"{(result.stderr or result.stdout).strip()[-500:]}",
                    "Check that the disk has room and that the folder is writable.",
                )
            (part / "data").rename(self._data)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def find_program(name: str) -> str:
    """Return the path of a MariaDB program.

    Raises
    ------
    MariaDBError
        When it is not installed.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
    found = shutil.which(name, path=path)
    if found is None:
        raise MariaDBError(
            f"MariaDB's program {name} is not installed.", "Type 'make setup', which installs it."
        )
    return found


def write_privately(file: Path, text: str) -> None:
    """Write a file that only its owner may read, completely or not at all."""
    descriptor, part = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
        Path(part).replace(file)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _as_root() -> list[str]:
    # MariaDB refuses to run as root without this option.
    return ["--user=root"] if os.geteuid() == 0 else []
