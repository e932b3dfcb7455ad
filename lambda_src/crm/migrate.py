"""Migrate the database's schema, and grant its application user the least privileges.

Terraform invokes this function when the migrations change. A migration is a file
``migrations/<version>_<name>.sql`` with one idempotent statement (``IF NOT EXISTS``). MariaDB
commits each schema change at once, so the run after an interruption may repeat a statement whose
history row is missing.

After a rollback an older release runs on a newer schema, so migrations only add: columns and tables
stay until no environment runs a release that uses them.
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
#: Named locks are global to the server, so the name has a digest of the database's name. A name may
#: have at most 64 characters.
LOCK = "flowbridge_migrations_{digest:.16}"
LOCK_SECONDS = 60
#: Timeout of a statement. With LOCK_SECONDS it is less than the function's timeout, so that the
#: error names the slow statement.
STATEMENT_SECONDS = 230
#: Longest wait for a table lock. Requests that arrive during the wait are blocked too.
TABLE_LOCK_SECONDS = 20
#: Privileges of the functions' user, by table and view.
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
    """The migrations do not match the database; the message has the migration and the fix."""


@dataclass(frozen=True)
class Migration:
    """One migration file."""

    version: str
    name: str
    statement: str

    @property
    def sha256(self) -> str:
        """Digest that detects changes of the file."""
        return hashlib.sha256(self.statement.encode()).hexdigest()


def handler(_event: object, _context: object) -> dict[str, Any]:
    """Apply pending migrations in order, each once.

    Returns
    -------
    dict
        ``applied`` and ``present``: the versions applied by this run, and before it.

    Raises
    ------
    MigrationError
        When the migrations do not match the database, a migration fails, or another run holds the
        lock for too long.
    DatabaseUnavailable
        When the database is unreachable, or running requests lock a table for too long.
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
        When a file name is not like ``001_what_it_does.sql``, or two files have the same version.
    """
    migrations = []
    for file in sorted(folder.iterdir()):
        match = FILE_NAME.match(file.name)
        if match is None:
            raise MigrationError(f"{file.name} is not a migration. Name it 001_what_it_does.sql.")
        migrations.append(Migration(match[1], match[2], file.read_text(encoding="utf-8").strip()))
    versions = [migration.version for migration in migrations]
    if duplicates := {version for version in versions if versions.count(version) > 1}:
        raise MigrationError(f"Two migrations are {min(duplicates)}. Renumber the newer one.")
    return migrations


def migrate(cursor: Cursor, migrations: Sequence[Migration]) -> dict[str, Any]:
    """Apply the migrations that the database lacks; the caller must hold the lock.

    Raises
    ------
    MigrationError
        When the database's history does not match the files, or a migration fails.
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
    """Set the application user's password, and grant only the privileges that the endpoints need.

    Other privileges are revoked. They are read with the user's own connection, because some servers
    hide them from the administrator. Everything is revoked at once, which makes concurrent requests
    fail, so this happens only if the user has other privileges.
    """
    cursor.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (username, password))
    cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", (username, password))
    _grant(cursor, database, username)
    if excess := application.transaction(lambda own: _excess_rights(own, database)):
        log.warning("revoking privileges that the application's user does not need", extra=excess)
        cursor.execute("REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s@'%%'", (username,))
        _grant(cursor, database, username)


def _apply(cursor: Cursor, migration: Migration) -> None:
    try:
        cursor.execute(migration.statement)
    except pymysql.MySQLError as error:
        if is_transient(error):
            raise
        # The messages of data errors quote rows.
        quotes = isinstance(error, pymysql.err.IntegrityError | pymysql.err.DataError)
        reason = f"error {error.args[0]}" if quotes else str(error)
        raise MigrationError(
            f"Migration {migration.version} ({migration.name}) failed: {reason}. Correct it."
        ) from None
    cursor.execute(
        "INSERT INTO schema_migrations (version, name, sha256) VALUES (%s, %s, %s)",
        (migration.version, migration.name, migration.sha256),
    )
    # Commit now, like the statement, because later steps may fail.
    cursor.connection.commit()


def _grant(cursor: Cursor, database: str, username: str) -> None:
    for name, rights in RIGHTS.items():
        # Identifiers cannot be parameters; these come from Terraform and this code.
        cursor.execute(f"GRANT {rights} ON `{database}`.`{name}` TO %s@'%%'", (username,))


def _excess_rights(cursor: Cursor, database: str) -> dict[str, str]:
    """Return the privileges of the connection's user that no endpoint needs, by object."""
    needed = {f"`{database}`.`{name}`": rights for name, rights in RIGHTS.items()}
    # Every user has this grant, which only allows connecting.
    needed["*.*"] = "USAGE"
    cursor.execute("SHOW GRANTS")
    excess = {}
    for (line,) in cursor.fetchall():
        match = GRANT.match(line)
        if match is None:
            excess["role"] = "granted"
        elif match["rights"] != needed.get(match["object"]) or "WITH GRANT" in match["rest"]:
            excess[match["object"]] = match["rights"]
    return excess


def _check_users(administrator: Secret, application: Secret) -> None:
    if application.fields("username") == administrator.fields("username"):
        raise ConfigurationError(
            "DATABASE_SECRET has the administrator's name. Use another user for the functions, "
            "because this migration revokes its privileges."
        )


def _check_history(present: dict[str, str], migrations: Sequence[Migration]) -> None:
    files = {migration.version: migration for migration in migrations}
    newest_file = max(files, default="")
    newest_present = max(present, default="")
    for version, sha256 in present.items():
        # After a rollback the database may have newer versions than all files.
        if version not in files and version < newest_file:
            raise MigrationError(
                f"Migration {version} was applied, but its file is missing. Restore it."
            )
        if version in files and files[version].sha256 != sha256:
            raise MigrationError(
                f"Migration {version} was changed after it was applied. "
                "Restore the file, and put the change into a new migration."
            )
    for version in files:
        if version not in present and version < newest_present:
            raise MigrationError(
                f"Migration {version} is older than {newest_present}, which was already applied. "
                "Give it the next number."
            )


@contextmanager
def _lock(cursor: Cursor, database: str) -> Iterator[None]:
    name = LOCK.format(digest=hashlib.sha256(database.encode()).hexdigest())
    cursor.execute("SELECT GET_LOCK(%s, %s)", (name, LOCK_SECONDS))
    if cursor.fetchone() != (1,):
        raise MigrationError(
            f"Another migration is still running after {LOCK_SECONDS} s. Try again later."
        )
    # If this function crashes, the lock ends with the connection.
    try:
        yield
    finally:
        if cursor.connection.open:
            cursor.execute("SELECT RELEASE_LOCK(%s)", (name,))
