"""A MariaDB connection that is kept between invocations and opened again when it died."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pymysql

from flowbridge import config
from flowbridge.secret import Secret

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

Result = TypeVar("Result")

# https://mariadb.com/kb/en/mariadb-error-codes/
ACCESS_DENIED = 1045
DUPLICATE_ENTRY = 1062
#: The connection is gone; a new one may do.
LOST = frozenset({1053, 1927, 2006, 2013, 2055})
#: The server cannot do it now, and the same statement may succeed later.
BUSY = frozenset(
    {
        1020,  # the row changed since it was read
        1040,  # too many connections
        1129,  # host blocked after failed connections
        1203,  # too many connections of this user
        1205,  # lock wait timeout
        1213,  # deadlock
        1226,  # the user's resources are used up
        1290,  # read-only server
        1792,  # read-only transaction
        1836,  # read-only mode
        2002,  # no connection
        2003,  # no connection
    }
)


class DatabaseUnavailable(Exception):  # noqa: N818
    """The database did not do the work this time; the same work may succeed later."""


@dataclass(frozen=True)
class Location:
    """Where the database is."""

    host: str
    port: int
    name: str

    @classmethod
    def from_environment(cls) -> Location:
        """Read the environment variables ``DATABASE_HOST``, ``_PORT`` and ``_NAME``."""
        return cls(
            host=config.required("DATABASE_HOST"),
            port=int(config.required("DATABASE_PORT")),
            name=config.required("DATABASE_NAME"),
        )


class Database:
    """One connection, and the transactions on it.

    Parameters
    ----------
    location
        Where the database is.
    secret
        Holds the JSON object ``{"username", "password"}``.
    """

    def __init__(self, location: Location, secret: Secret) -> None:
        self._location = location
        self._secret = secret
        self._connection: Connection[Cursor] | None = None

    def transaction(self, work: Callable[[Cursor], Result]) -> Result:
        """Run `work` in a transaction, and commit.

        A kept connection that turns out to be dead is opened again and the work done once more,
        so `work` must be repeatable: it may have been committed before the connection died.

        Raises
        ------
        DatabaseUnavailable
            When the database cannot be reached or cannot do the work now.
        pymysql.MySQLError
            Any other refusal of the database.
        """
        kept = self._connection is not None
        try:
            return self._attempt(work)
        except pymysql.MySQLError as error:
            if not (kept and _code(error) in LOST):
                raise _translated(error) from None
        try:
            return self._attempt(work)
        except pymysql.MySQLError as error:
            raise _translated(error) from None

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.open:
            connection.close()

    def _attempt(self, work: Callable[[Cursor], Result]) -> Result:
        if self._connection is None:
            self._connection = self._open()
        connection = self._connection
        try:
            with connection.cursor() as cursor:
                result = work(cursor)
            connection.commit()
        except BaseException:
            # Whatever happened, the next transaction begins on a fresh connection.
            self.close()
            raise
        return result

    def _open(self) -> Connection[Cursor]:
        try:
            return self._connect()
        except pymysql.MySQLError as error:
            if _code(error) == ACCESS_DENIED and self._secret.refresh():
                # The password was rotated since it was read.
                return self._connect()
            raise

    def _connect(self) -> Connection[Cursor]:
        credentials: dict[str, Any] = self._secret.fields()
        return pymysql.connect(
            host=self._location.host,
            port=self._location.port,
            database=self._location.name,
            user=credentials["username"],
            password=credentials["password"],
            charset="utf8mb4",
            connect_timeout=3,
            read_timeout=8,
            write_timeout=8,
        )


def _code(error: pymysql.MySQLError) -> int:
    """Return the error's number; a broken connection may come without one."""
    code = error.args[0] if error.args else 0
    if isinstance(error, pymysql.err.InterfaceError) and code == 0:
        return 2006
    return code if isinstance(code, int) else 0


def _translated(error: pymysql.MySQLError) -> Exception:
    code = _code(error)
    if code in LOST or code in BUSY or code == ACCESS_DENIED:
        return DatabaseUnavailable(f"database error {code}")
    return error
