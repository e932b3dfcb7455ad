"""Bring the database to the newest schema, and its application user to its least rights.

Terraform invokes this function when the migrations change. A migration is a file
``migrations/<version>_<name>.sql`` with one statement that may be repeated (``IF NOT EXISTS``):
MariaDB commits each change of a table at once, so a run that is cut off between the statement and
its record in the history does the statement again.

An older release may run on a newer schema (that is how a release is taken back), so migrations
only ever add: what an older release uses stays until no environment runs it any more.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql

from crm.registration import BENEFIT, CLIENTS, PARTNERS, SYNTHETIC_VIEWS
from flowbridge import config
from flowbridge.database import Database, Location, is_transient
from flowbridge.errors import ConfigurationError
from flowbridge.logs import get_logger
from flowbridge.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymysql.cursors import Cursor

log = get_logger("migrate")

FOLDER = Path(__file__).with_name("migrations")
FILE_NAME = re.compile(r"^(\d{3})_([a-z0-9_]+)\.sql$")
#: A named lock belongs to the whole server, so the database's digest is part of its name, which
#: may have 64 characters at most.
LOCK = "flowbridge_migrations_{digest:.16}"
LOCK_SECONDS = 60
#: The longest that one change of a table may take. With the wait for the lock it is less than the
#: function's timeout, so that the error says what took so long.
STATEMENT_SECONDS = 230
#: The longest that it may wait for running requests; those that come behind it wait as well.
TABLE_LOCK_SECONDS = 20
#: What the functions' user may do, by table and view.
RIGHTS = dict.fromkeys((table.name for table in (CLIENTS, PARTNERS, BENEFIT)), "SELECT, INSERT")
RIGHTS |= dict.fromkeys(SYNTHETIC_VIEWS.values(), "SELECT, DELETE")
GRANT = re.compile(r"^GRANT (?P<rights>.+?) ON (?P<object>\S+) TO (?P<rest>.+)$")
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
        When the migrations do not fit the database, one of them fails, or another run holds the
        lock too long.
    DatabaseUnavailable
        When the database cannot be reached, or running requests keep a table too long.
    ConfigurationError
        When a variable or a secret is missing or malformed.
    """
    location = Location.from_environment()
    secret = Secret(config.required("DATABASE_ADMIN_SECRET"))
    user = Secret(config.required("DATABASE_SECRET"))
    _check_users(secret, user)
    migrations = read_migrations(FOLDER)
    administrator = Database(location, secret, STATEMENT_SECONDS, TABLE_LOCK_SECONDS)
    application = Database(location, user)

    def work(cursor: Cursor) -> dict[str, Any]:
        with _lock(cursor, location.name):
            result = migrate(cursor, migrations)
            prepare_user(cursor, application, location.name, **user.fields("username", "password"))
            return result

    try:
        result = administrator.transaction(work)
    finally:
        application.close()
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
    """Apply the migrations that the database does not have; the caller holds the lock.

    Raises
    ------
    MigrationError
        When the database's history is another one than the files', or a migration fails.
    """
    cursor.execute(HISTORY)
    cursor.execute("SELECT version, sha256 FROM schema_migrations ORDER BY version")
    present: dict[str, str] = dict(cursor.fetchall())
    _check_history(present, migrations)
    applied = []
    for migration in migrations:
        if migration.version not in present:
            _apply(cursor, migration)
            applied.append(migration.version)
    return {"applied": applied, "present": sorted(present)}


def prepare_user(
    cursor: Cursor, application: Database, database: str, username: str, password: str
) -> None:
    """Give the application's user its password, and the rights that the endpoints need only.

    Rights from somewhere else are taken away. They are looked up with the user's own connection,
    since an administrator may not see other users' rights everywhere; and only when there are
    such rights is everything revoked, because requests that run meanwhile would be refused.
    """
    cursor.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (username, password))
    cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", (username, password))
    _grant(cursor, database, username)
    if spare := application.transaction(lambda own: _spare_rights(own, database)):
        log.warning("the application's user had rights that it does not need", extra=spare)
        cursor.execute("REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s@'%%'", (username,))
        _grant(cursor, database, username)


def _apply(cursor: Cursor, migration: Migration) -> None:
    try:
        cursor.execute(migration.statement)
    except pymysql.MySQLError as error:
        if is_transient(error):
            raise
        # The text of an error about data quotes rows.
        quotes = isinstance(error, pymysql.err.IntegrityError | pymysql.err.DataError)
        reason = f"error {error.args[0]}" if quotes else str(error)
        raise MigrationError(
            f"migration {migration.version} ({migration.name}) failed: {reason}; correct it"
        ) from None
    cursor.execute(
        "INSERT INTO schema_migrations (version, name, sha256) VALUES (%s, %s, %s)",
        (migration.version, migration.name, migration.sha256),
    )
    # At once, as the statement was: what comes after it may fail.
    cursor.connection.commit()


def _grant(cursor: Cursor, database: str, username: str) -> None:
    for name, rights in RIGHTS.items():
        # Identifiers cannot be parameters; these are Terraform's and the code's own.
        cursor.execute(f"GRANT {rights} ON `{database}`.`{name}` TO %s@'%%'", (username,))


def _spare_rights(cursor: Cursor, database: str) -> dict[str, str]:
    """Return the rights of the connection's own user that no endpoint needs, by their object."""
    needed = {f"`{database}`.`{name}`": rights for name, rights in RIGHTS.items()}
    # Every user has this line; it gives the right to connect.
    needed["*.*"] = "USAGE"
    cursor.execute("SHOW GRANTS")
    spare = {}
    for (line,) in cursor.fetchall():
        match = GRANT.match(line)
        if match is None:
            spare["role"] = "granted"
        elif match["rights"] != needed.get(match["object"]) or "WITH GRANT" in match["rest"]:
            spare[match["object"]] = match["rights"]
    return spare


def _check_users(administrator: Secret, application: Secret) -> None:
    if application.fields("username") == administrator.fields("username"):
        raise ConfigurationError(
            "DATABASE_SECRET holds the administrator's name; give the functions a user of their "
            "own, for its rights are cut down"
        )


def _check_history(present: dict[str, str], migrations: Sequence[Migration]) -> None:
    files = {migration.version: migration for migration in migrations}
    newest_file = max(files, default="")
    newest_present = max(present, default="")
    for version, sha256 in present.items():
        # A newer one than all files is there when an older release was brought back.
        if version not in files and version < newest_file:
            raise MigrationError(
                f"migration {version} was applied, but its file is gone; restore it"
            )
        if version in files and files[version].sha256 != sha256:
            raise MigrationError(
                f"migration {version} was changed after it was applied; "
                "restore the file and put the change into a new one"
            )
    for version in files:
        if version not in present and version < newest_present:
            raise MigrationError(
                f"migration {version} comes before {newest_present}, which was applied already; "
                "give it the next number"
            )


@contextmanager
def _lock(cursor: Cursor, database: str) -> Iterator[None]:
    name = LOCK.format(digest=hashlib.sha256(database.encode()).hexdigest())
    cursor.execute("SELECT GET_LOCK(%s, %s)", (name, LOCK_SECONDS))
    if cursor.fetchone() != (1,):
        raise MigrationError(f"another migration runs since {LOCK_SECONDS} s; try again later")
    # It ends with the connection, should this function die.
    try:
        yield
    finally:
        if cursor.connection.open:
            cursor.execute("SELECT RELEASE_LOCK(%s)", (name,))
