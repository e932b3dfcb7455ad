"""A MariaDB connection that is kept between invocations and reopened when it is lost."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pymysql

from flowbridge import config
from flowbridge.errors import ConfigurationError
from flowbridge.secret import Secret

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

Result = TypeVar("Result")

# https://mariadb.com/kb/en/mariadb-error-codes/
ACCESS_DENIED = 1045
DUPLICATE_ENTRY = 1062
#: The connection is lost; a new one may work.
LOST = frozenset(
    {
        1053,  # the server is shutting down
        1158,  # network error while the server read
        1159,
        1160,  # network error while the server wrote
        1161,
        1927,  # connection killed
        2006,  # the server has gone away
        2013,  # lost during a query, or the read timed out
        2055,
    }
)
#: The server cannot run the statement now; a retry may succeed.
BUSY = frozenset(
    {
        1020,  # the row changed after it was read
        1021,  # disk full
        1040,  # too many connections
        1041,  # out of memory
        1047,  # the cluster node is not ready
        1129,  # host blocked after failed connections
        1203,  # too many connections of this user
        1205,  # lock wait timeout
        1213,  # deadlock
        1226,  # the user exceeded a resource limit
        1290,  # read-only server
        1317,  # statement interrupted
        1792,  # read-only transaction
        1836,  # read-only mode
        1969,  # the statement exceeded the server's time limit
        2002,  # no connection
        2003,  # no connection
        2026,  # TLS failed although a certificate is expected
    }
)

CONNECT_SECONDS = 3
#: With one retry, an endpoint still responds before API Gateway times out.
STATEMENT_SECONDS = 8
#: Shorter than a statement, so that the error names the lock and the server stops waiting too.
LOCK_SECONDS = 5


class DatabaseUnavailable(Exception):  # noqa: N818
    """The database is unavailable; a retry may succeed."""


class Location(NamedTuple):
    """Address of the database, and the certificate authority that its server must have.

    `ca` holds PEM certificates; the server's certificate is verified against them. Without `ca`,
    TLS is used if the server offers it, without verification: this stops eavesdropping, but not
    impersonation of the server.
    """

    host: str
    port: int
    name: str
    ca: str | None = None

    @classmethod
    def from_environment(cls) -> Location:
        """Read the environment variables ``DATABASE_HOST``, ``_PORT``, ``_NAME`` and ``_CA``.

        ``DATABASE_CA`` may be missing or empty, for an on-premises server without TLS.

        Raises
        ------
        ConfigurationError
            When one is missing or malformed.
        """
        port = config.required("DATABASE_PORT")
        if not (port.isdecimal() and 0 < int(port) < 65536):
            raise ConfigurationError(
                f"The environment variable DATABASE_PORT is '{port}'. Set a port from 1 to 65535."
            )
        return cls(
            host=config.required("DATABASE_HOST"),
            port=int(port),
            name=config.required("DATABASE_NAME"),
            ca=os.environ.get("DATABASE_CA") or None,
        )


class Database:
    """Run transactions on one connection.

    Parameters
    ----------
    location
        Address of the database.
    secret
        Holds the JSON object ``{"username", "password"}``.
    statement_seconds
        Timeout of a statement.
    lock_seconds
        Longest wait for a row or table lock.
    """

    def __init__(
        self,
        location: Location,
        secret: Secret,
        statement_seconds: int = STATEMENT_SECONDS,
        lock_seconds: int = LOCK_SECONDS,
    ) -> None:
        self._location = location
        self._secret = secret
        self._statement_seconds = statement_seconds
        # Strict mode: a value that does not fit is an error; the server must not truncate it.
        self._settings = (
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
            f"innodb_lock_wait_timeout = {lock_seconds}, lock_wait_timeout = {lock_seconds}"
        )
        self._tls: ssl.SSLContext | None = None
        self._connection: Connection[Cursor] | None = None

    def transaction(self, work: Callable[[Cursor], Result]) -> Result:
        """Run `work` in a transaction, and commit.

        If a reused connection is lost, reconnect and run `work` once more. `work` must be
        idempotent: the first run may have been committed before the connection was lost.

        Raises
        ------
        DatabaseUnavailable
            When the database is unreachable or cannot run the statements now.
        pymysql.MySQLError
            For any other error of the database.
        SecretUnavailable, ConfigurationError
            When the credentials cannot be read.
        """
        reused = self._connection is not None
        try:
            return self._attempt(work)
        except pymysql.MySQLError as error:
            if not (reused and _code(error) in LOST):
                raise _translated(error) from None
        try:
            return self._attempt(work)
        except pymysql.MySQLError as error:
            raise _translated(error) from None

    def close(self) -> None:
        """Close the connection."""
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
            # The next transaction starts on a new connection, with no state left from this one.
            self.close()
            raise
        return result

    def _open(self) -> Connection[Cursor]:
        try:
            return self._connect()
        except pymysql.MySQLError as error:
            if _code(error) == ACCESS_DENIED and self._secret.refresh():
                # The password was rotated after it was read.
                return self._connect()
            raise

    def _connect(self) -> Connection[Cursor]:
        if self._tls is None and self._location.ca is not None:
            self._tls = tls_context(self._location.ca)
        credentials = self._secret.fields("username", "password")
        return pymysql.connect(
            host=self._location.host,
            port=self._location.port,
            database=self._location.name,
            user=credentials["username"],
            # Bytes: PyMySQL encodes a str as Latin-1, and quotes it in the error if that fails.
            password=credentials["password"].encode(),
            charset="utf8mb4",
            init_command=self._settings,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=self._statement_seconds,
            write_timeout=self._statement_seconds,
            # With a context, PyMySQL requires TLS.
            ssl=self._tls,
        )


def tls_context(ca: str) -> ssl.SSLContext:
    """Return a context that verifies the server's certificate chain and host name.

    Parameters
    ----------
    ca
        PEM text of one or more authorities' certificates; only these are trusted.

    Raises
    ------
    ConfigurationError
        When it is not PEM text.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(
            f"The environment variable DATABASE_CA holds no certificate ({error}). "
            "Set the authority's certificate in PEM form."
        ) from None
    return context


def is_transient(error: pymysql.MySQLError) -> bool:
    """Return whether a retry may succeed."""
    return _code(error) in LOST | BUSY


def _code(error: pymysql.MySQLError) -> int:
    """Return the error's number; PyMySQL reports a broken connection without one."""
    code = error.args[0] if error.args else 0
    if isinstance(error, pymysql.err.InterfaceError) and code == 0:
        return 2006
    return code if isinstance(code, int) else 0


def _translated(error: pymysql.MySQLError) -> Exception:
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        # Transient: nothing was sent, and a renewed certificate or a fixed DATABASE_CA lets the
        # same work succeed.
        return DatabaseUnavailable(
            f"The server's certificate is not trusted: {cause.verify_message}. "
            "Compare its authority with DATABASE_CA."
        )
    # The password may be rotating: the database gets the new one a moment after the secret.
    if is_transient(error) or _code(error) == ACCESS_DENIED:
        return DatabaseUnavailable(f"database error {_code(error)}")
    return error
