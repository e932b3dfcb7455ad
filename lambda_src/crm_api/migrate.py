"""Bring the database to the newest schema, and its application user to its least rights.

Terraform invokes this function when the migrations change. A migration is a file
``migrations/<version>_<name>.sql`` with one statement that may be repeated (``IF NOT EXISTS``):
MariaDB commits each change of a table at once, so a run that is cut off between the statement and
its record in the history does the statement again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_api.registration import BENEFIT, CLIENTS, PARTNERS
from flowbridge import config
from flowbridge.database import Database, Location
from flowbridge.logs import get_logger
from flowbridge.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymysql.cursors import Cursor

log = get_logger("migrate")

FOLDER = Path(__file__).with_name("migrations")
FILE_NAME = re.compile(r"^(\d{3})_([a-z0-9_]+)\.sql$")
LOCK = "flowbridge_migrations"
LOCK_SECONDS = 60
HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
  version    CHAR(3)     NOT NULL PRIMARY KEY,
  name       VARCHAR(100) NOT NULL,
  sha256     CHAR(64)    NOT NULL,
  applied_at TIMESTAMP   NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""


class MigrationError(Exception):
    """The migrations do not fit the database; the message says which, and what to do."""


@dataclass(frozen=True)
class Migration:
    """One file of the migrations."""

    version: str
    name: str
    statement: str

    @property
    def sha256(self) -> str:
        """The digest by which a changed file is found out."""
        return hashlib.sha256(self.statement.encode()).hexdigest()


def handler(_event: object, _context: object) -> dict[str, Any]:
    """Apply what is pending, in order, once.

    Returns
    -------
    dict
        ``applied`` and ``present``: the versions that were applied now, and before.

    Raises
    ------
    MigrationError
        When an applied file was changed or removed, or another run holds the lock too long.
    """
    location = Location.from_environment()
    administrator = Database(location, Secret(config.required("DATABASE_ADMIN_SECRET")))
    application = Secret(config.required("DATABASE_SECRET")).fields()
    try:
        result = administrator.transaction(lambda cursor: migrate(cursor, read_migrations(FOLDER)))
        administrator.transaction(
            lambda cursor: prepare_user(
                cursor, location.name, application["username"], application["password"]
            )
        )
    finally:
        administrator.close()
    log.info("database is up to date", extra=result)
    return result


def read_migrations(folder: Path) -> list[Migration]:
    """Return the migrations of a folder, in order.

    Raises
    ------
    MigrationError
        When a file has another name than ``001_what_it_does.sql``, or two have one version.
    """
    migrations = []
    for file in sorted(folder.iterdir()):
        match = FILE_NAME.match(file.name)
        if match is None:
            raise MigrationError(f"{file.name} is no migration; name it 001_what_it_does.sql")
        migrations.append(Migration(match[1], match[2], file.read_text(encoding="utf-8").strip()))
    versions = [migration.version for migration in migrations]
    if twice := {version for version in versions if versions.count(version) > 1}:
        raise MigrationError(f"version {min(twice)} stands twice; give one file the next number")
    return migrations


def migrate(cursor: Cursor, migrations: Sequence[Migration]) -> dict[str, Any]:
    """Apply the migrations that the database does not have; one run at a time."""
    with _lock(cursor):
        cursor.execute(HISTORY)
        cursor.execute("SELECT version, sha256 FROM schema_migrations ORDER BY version")
        present: dict[str, str] = dict(cursor.fetchall())
        _check_history(present, migrations)
        applied = []
        for migration in migrations:
            if migration.version not in present:
                cursor.execute(migration.statement)
                cursor.execute(
                    "INSERT INTO schema_migrations (version, name, sha256) VALUES (%s, %s, %s)",
                    (migration.version, migration.name, migration.sha256),
                )
                applied.append(migration.version)
    return {"applied": applied, "present": sorted(present)}


def prepare_user(cursor: Cursor, database: str, username: str, password: str) -> None:
    """Give the application's user its password, and the rights that the endpoints need only."""
    cursor.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (username, password))
    cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", (username, password))
    for table in (CLIENTS, PARTNERS, BENEFIT):
        # Identifiers cannot be parameters; these are Terraform's and the code's own.
        grant = f"GRANT SELECT, INSERT ON `{database}`.`{table.name}` TO %s@'%%'"
        cursor.execute(grant, (username,))


def _check_history(present: dict[str, str], migrations: Sequence[Migration]) -> None:
    files = {migration.version: migration for migration in migrations}
    for version, sha256 in present.items():
        if version not in files:
            raise MigrationError(
                f"migration {version} was applied, but its file is gone; restore it"
            )
        if files[version].sha256 != sha256:
            raise MigrationError(
                f"migration {version} was changed after it was applied; "
                "restore the file and put the change into a new one"
            )


@contextmanager
def _lock(cursor: Cursor) -> Iterator[None]:
    cursor.execute("SELECT GET_LOCK(%s, %s)", (LOCK, LOCK_SECONDS))
    if cursor.fetchone() != (1,):
        raise MigrationError(f"another migration runs since {LOCK_SECONDS} s; try again later")
    try:
        yield
    finally:
        cursor.execute("SELECT RELEASE_LOCK(%s)", (LOCK,))
