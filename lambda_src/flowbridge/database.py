"""A MariaDB connection that is kept between invocations and opened again when it died."""

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
#: The connection is gone; a new one may do.
LOST = frozenset(
    {
        1053,  # the server shuts down
        1158,  # the network failed while the server read
        1159,
        1160,  # the same while it wrote
        1161,
        1927,  # connection killed
        2006,  # the server has gone away
        2013,  # lost during a query, or no answer in time
        2055,
    }
)
#: The server cannot do it now, and the same statement may succeed later.
BUSY = frozenset(
    {
        1020,  # the row changed since it was read
        1021,  # disk full
        1040,  # too many connections
        1041,  # out of memory
        1047,  # a node of a cluster that is not ready
        1129,  # host blocked after failed connections
        1203,  # too many connections of this user
        1205,  # lock wait timeout
        1213,  # deadlock
        1226,  # the user's resources are used up
        1290,  # read-only server
        1317,  # statement interrupted
        1792,  # read-only transaction
        1836,  # read-only mode
        1969,  # statement took longer than the server allows
        2002,  # no connection
        2003,  # no connection
        2026,  # no TLS, although a certificate is expected
    }
)

CONNECT_SECONDS = 3
#: An endpoint's answer must come before API Gateway gives up, a repeated attempt included.
STATEMENT_SECONDS = 8
#: Locks give up sooner, so that the error says what it was and the server stops waiting too.
LOCK_SECONDS = 5


class DatabaseUnavailable(Exception):  # noqa: N818
    """The database did not do the work this time; the same work may succeed later."""


class Location(NamedTuple):
    """Where the database is, and how its server is known.

    `ca` holds the PEM text of the authority's certificate by which the server is verified. Without
    it TLS is used where the server offers it, and nothing is verified: it keeps out who listens,
    not who answers in the server's place.
    """

    host: str
    port: int
    name: str
    ca: str | None = None

    @classmethod
    def from_environment(cls) -> Location:
        """Read the environment variables ``DATABASE_HOST``, ``_PORT``, ``_NAME`` and ``_CA``.

        The last one may be missing or empty, for a server on premises that has no TLS.

        Raises
        ------
        ConfigurationError
            When one is missing or malformed.
        """
        port = config.required("DATABASE_PORT")
        if not (port.isdecimal() and 0 < int(port) < 65536):
            raise ConfigurationError(
                f"the environment variable DATABASE_PORT is '{port}'; give a port's number"
            )
        return cls(
            host=config.required("DATABASE_HOST"),
            port=int(port),
            name=config.required("DATABASE_NAME"),
            ca=os.environ.get("DATABASE_CA") or None,
        )


class Database:
    """One connection, and the transactions on it.

    Parameters
    ----------
    location
        Where the database is.
    secret
        Holds the JSON object ``{"username", "password"}``.
    statement_seconds
        How long a statement may take.
    lock_seconds
        How long it may wait for another one's lock on a row or a table.
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
        # Strict, whatever the server's default is: a value that does not fit is an error there,
        # never cut to size.
        self._settings = (
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
            f"innodb_lock_wait_timeout = {lock_seconds}, lock_wait_timeout = {lock_seconds}"
        )
        self._tls: ssl.SSLContext | None = None
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
        SecretUnavailable, ConfigurationError
            When the credentials cannot be read.
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
        if self._tls is None and self._location.ca is not None:
            self._tls = tls_context(self._location.ca)
        credentials = self._secret.fields("username", "password")
        return pymysql.connect(
            host=self._location.host,
            port=self._location.port,
            database=self._location.name,
            user=credentials["username"],
            # As bytes: PyMySQL takes a text for Latin-1, and its error quotes one that is not.
            password=credentials["password"].encode(),
            charset="utf8mb4",
            init_command=self._settings,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=self._statement_seconds,
            write_timeout=self._statement_seconds,
            # Given a context, PyMySQL insists on TLS.
            ssl=self._tls,
        )


def tls_context(ca: str) -> ssl.SSLContext:
    """Return a context that verifies the server's chain and its name.

    Parameters
    ----------
    ca
        PEM text of one authority's certificate or more; no other authority is trusted.

    Raises
    ------
    ConfigurationError
        When it is no PEM text.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(
            f"the environment variable DATABASE_CA holds no certificate ({error}); "
            "give the authority's in PEM form"
        ) from None
    return context


def is_transient(error: pymysql.MySQLError) -> bool:
    """Tell whether the same work may succeed later."""
    return _code(error) in LOST | BUSY


def _code(error: pymysql.MySQLError) -> int:
    """Return the error's number; a broken connection may come without one."""
    code = error.args[0] if error.args else 0
    if isinstance(error, pymysql.err.InterfaceError) and code == 0:
        return 2006
    return code if isinstance(code, int) else 0


def _translated(error: pymysql.MySQLError) -> Exception:
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        # Nothing was sent to that server. Certificates are renewed, and a wrong authority is
        # mended by an apply; the same work is good then, so it waits as for a server that is away.
        return DatabaseUnavailable(
            f"the server's certificate is not trusted: {cause.verify_message}; "
            "compare its authority with DATABASE_CA"
        )
    # A refused password is one that is being rotated: the user gets it a moment after the secret.
    if is_transient(error) or _code(error) == ACCESS_DENIED:
        return DatabaseUnavailable(f"database error {_code(error)}")
    return error
