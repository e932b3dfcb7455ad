"""The kept connection against a real server that restarts, kills, locks, refuses and is silent."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest

from flowbridge.database import BUSY, LOST, Database, DatabaseUnavailable, Location
from flowbridge.secret import Secret
from ops.local.database import Credentials
from tests.support.mariadb import ServedDatabase, secret_of

INSERT = "INSERT INTO ITEMS (name) VALUES (%s)"
#: Numbers of errors that a client library makes, not a server.
CLIENT_ERRORS = frozenset(range(2000, 3000))


@pytest.fixture
def database(empty: ServedDatabase) -> Iterator[Database]:
    """The database as a function opens it."""
    opened = empty.open(lock_seconds=1)
    yield opened
    opened.close()


def connection_id(database: Database) -> int:
    """Return the server's number of the connection."""

    def work(cursor: Any) -> int:
        cursor.execute("SELECT CONNECTION_ID()")
        [number] = cursor.fetchone()
        return int(number)

    return database.transaction(work)


def insert(database: Database, name: str = "1-9") -> None:
    """Insert a row."""
    database.transaction(lambda cursor: cursor.execute(INSERT, (name,)))


def names(served: ServedDatabase) -> list[str]:
    """Return what was committed."""
    return [row["name"] for row in served.rows("ITEMS")]


class TestTheConnection:
    """It is kept while it lives, and opened again when it died."""

    def test_it_is_opened_when_it_is_needed(self) -> None:
        Database(Location("127.0.0.1", 1, "crm"), Secret("x", lambda _: "")).close()

    def test_it_is_kept(self, database: Database) -> None:
        assert connection_id(database) == connection_id(database)

    def test_it_was_killed(self, database: Database, empty: ServedDatabase) -> None:
        first = connection_id(database)
        empty.server.execute(f"KILL {first}")

        insert(database)

        assert names(empty) == ["1-9"]
        assert connection_id(database) != first

    def test_the_server_was_started_anew(self, database: Database, empty: ServedDatabase) -> None:
        insert(database, "1-9")
        empty.server.stop()
        empty.server.start()

        insert(database, "2-7")

        assert names(empty) == ["1-9", "2-7"]

    def test_the_server_is_away_and_comes_back(
        self, database: Database, empty: ServedDatabase
    ) -> None:
        insert(database, "1-9")
        empty.server.stop()
        try:
            for _ in range(2):
                with pytest.raises(DatabaseUnavailable, match=r"^database error 2003$"):
                    insert(database, "2-7")
        finally:
            empty.server.start()

        insert(database, "3-5")
        assert names(empty) == ["1-9", "3-5"]

    @pytest.mark.parametrize("password", ["contraseña", "Ж🦊", "a'b\\c%s"])
    def test_a_password_may_have_any_letters(self, password: str, empty: ServedDatabase) -> None:
        server, user = empty.server, Credentials("letters", password)
        server.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", user.username, password)
        server.execute("GRANT SELECT ON crm.* TO %s@'%%'", user.username)
        database = Database(empty.location, secret_of(user))
        try:
            assert connection_id(database) > 0
        finally:
            database.close()
            server.execute("DROP USER %s@'%%'", user.username)

    def test_it_is_closed_twice(self, database: Database, empty: ServedDatabase) -> None:
        insert(database)
        database.close()
        database.close()

        insert(database, "2-7")
        assert names(empty) == ["1-9", "2-7"]

    def test_the_server_is_silent(self, empty: ServedDatabase) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            location = Location("127.0.0.1", silent.getsockname()[1], "crm")
            database = Database(location, secret_of(empty.user), statement_seconds=1)
            begin = time.monotonic()

            with pytest.raises(DatabaseUnavailable, match=r"^database error 20"):
                connection_id(database)

            assert time.monotonic() - begin < 4

    def test_a_statement_takes_too_long(self, empty: ServedDatabase) -> None:
        database = empty.open(statement_seconds=1)
        begin = time.monotonic()

        with pytest.raises(DatabaseUnavailable, match=r"^database error 2013$"):
            database.transaction(lambda cursor: cursor.execute("SELECT SLEEP(5)"))

        assert time.monotonic() - begin < 3


class TestTheTransaction:
    """All of the work is committed, or nothing."""

    def test_work_is_committed_and_its_result_returned(
        self, database: Database, empty: ServedDatabase
    ) -> None:
        def work(cursor: Any) -> str:
            cursor.execute(INSERT, ("1-9",))
            cursor.execute(INSERT, ("2-7",))
            return "done"

        assert database.transaction(work) == "done"
        assert names(empty) == ["1-9", "2-7"]

    @pytest.mark.parametrize("error", [ValueError("ours"), KeyboardInterrupt()])
    def test_work_that_fails_is_rolled_back(
        self, error: BaseException, database: Database, empty: ServedDatabase
    ) -> None:
        def work(cursor: Any) -> None:
            cursor.execute(INSERT, ("1-9",))
            raise error

        with pytest.raises(type(error)):
            database.transaction(work)

        insert(database, "2-7")
        assert names(empty) == ["2-7"]

    def test_a_refusal_of_the_database_rolls_back(
        self, database: Database, empty: ServedDatabase
    ) -> None:
        def work(cursor: Any) -> None:
            cursor.execute(INSERT, ("1-9",))
            cursor.execute("SELECT nothing FROM ITEMS")

        with pytest.raises(pymysql.err.OperationalError, match="1054"):
            database.transaction(work)

        insert(database, "2-7")
        assert names(empty) == ["2-7"]

    def test_work_is_repeated_once_when_its_kept_connection_dies(
        self, database: Database, empty: ServedDatabase
    ) -> None:
        attempts: list[int] = []
        connection_id(database)

        def work(cursor: Any) -> None:
            cursor.execute(INSERT, ("1-9",))
            cursor.execute("SELECT CONNECTION_ID()")
            [number] = cursor.fetchone()
            attempts.append(number)
            empty.server.execute(f"KILL {number}")
            cursor.execute("SELECT 1")

        with pytest.raises(DatabaseUnavailable):
            database.transaction(work)

        assert len(set(attempts)) == len(attempts) == 2
        assert names(empty) == []

    def test_a_value_that_does_not_fit_is_refused_by_a_lax_server_too(
        self, database: Database, empty: ServedDatabase
    ) -> None:
        empty.server.execute("SET GLOBAL sql_mode = ''")
        try:
            with pytest.raises(pymysql.err.DataError):
                insert(database, "x" * 13)
        finally:
            empty.server.execute("SET GLOBAL sql_mode = DEFAULT")

        assert names(empty) == []


class TestWhatMayPass:
    """Refusals that the same work may outlive have one name, all others their own."""

    @pytest.mark.parametrize("code", sorted((BUSY | LOST) - CLIENT_ERRORS))
    def test_the_servers_transient_errors(
        self, code: int, database: Database, empty: ServedDatabase
    ) -> None:
        def work(cursor: Any) -> None:
            cursor.execute(INSERT, ("1-9",))
            cursor.execute(f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}")

        with pytest.raises(DatabaseUnavailable, match=f"^database error {code}$"):
            database.transaction(work)
        assert names(empty) == []

    @pytest.mark.parametrize("code", [1054, 1064, 1142, 1146, 1406])
    def test_the_servers_lasting_errors(self, code: int, database: Database) -> None:
        with pytest.raises(pymysql.MySQLError) as error:
            database.transaction(
                lambda c: c.execute(f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}")
            )
        assert error.value.args[0] == code

    def test_too_many_connections(self, database: Database, empty: ServedDatabase) -> None:
        server = empty.server
        [limit] = server.execute("SELECT @@max_connections AS n")
        # What is closed below is gone a moment later, so this one has to be there already.
        administrator = server.connect(server.root)
        server.execute("SET GLOBAL max_connections = 10")
        held: list[pymysql.Connection[Any]] = []
        try:
            with contextlib.suppress(pymysql.err.OperationalError):
                while len(held) < 15:
                    held.append(server.connect(empty.user))
            with pytest.raises(DatabaseUnavailable, match=r"^database error 1040$"):
                insert(database)
        finally:
            for connection in held:
                connection.close()
            with administrator, administrator.cursor() as cursor:
                cursor.execute(f"SET GLOBAL max_connections = {limit['n']}")
        retried(lambda: insert(database))

    def test_a_server_that_is_read_only(self, database: Database, empty: ServedDatabase) -> None:
        empty.server.execute("SET GLOBAL read_only = 1")
        try:
            with pytest.raises(DatabaseUnavailable, match=r"^database error 1290$"):
                insert(database)
        finally:
            empty.server.execute("SET GLOBAL read_only = 0")
        insert(database)

    def test_a_row_that_stays_locked(self, database: Database, empty: ServedDatabase) -> None:
        other = empty.server.connect(empty.user)
        other.begin()
        other.cursor().execute(INSERT, ("1-9",))
        begin = time.monotonic()
        try:
            with pytest.raises(DatabaseUnavailable, match=r"^database error 1205$"):
                insert(database)
        finally:
            other.close()
        assert time.monotonic() - begin < 3

    def test_a_real_deadlock(self, empty: ServedDatabase) -> None:
        """Two transactions take two keys in opposite orders; the server ends one of them."""
        meet = threading.Barrier(2)
        errors: list[Exception] = []

        def one(first: str, second: str) -> None:
            database = empty.open(lock_seconds=5)

            def work(cursor: Any) -> None:
                cursor.execute(INSERT, (first,))
                meet.wait()
                cursor.execute(INSERT, (second,))

            try:
                database.transaction(work)
            except DatabaseUnavailable as error:
                errors.append(error)
            finally:
                database.close()

        threads = [threading.Thread(target=one, args=a) for a in (("1-9", "2-7"), ("2-7", "1-9"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [str(error) for error in errors] == ["database error 1213"]
        assert sorted(names(empty)) == ["1-9", "2-7"]


class TestThePassword:
    """A refused password is read again, once."""

    @pytest.fixture
    def rotated(self, empty: ServedDatabase) -> Iterator[str]:
        name = empty.user.username
        empty.server.execute(f"ALTER USER {name}@'%' IDENTIFIED BY 'second-password'")
        yield "second-password"
        empty.server.execute(f"ALTER USER {name}@'%%' IDENTIFIED BY %s", empty.user.password)

    def credentials(self, served: ServedDatabase, password: str) -> str:
        return json.dumps({"username": served.user.username, "password": password})

    def test_it_was_rotated(self, empty: ServedDatabase, rotated: str) -> None:
        texts = [
            self.credentials(empty, empty.user.password),
            self.credentials(empty, rotated),
        ]
        database = Database(empty.location, Secret("x", lambda _: texts.pop(0)))

        insert(database)

        assert (names(empty), texts) == (["1-9"], [])
        database.close()

    def test_it_is_just_wrong(self, empty: ServedDatabase) -> None:
        reads: list[str] = []

        def read(secret_id: str) -> str:
            reads.append(secret_id)
            return self.credentials(empty, "wrong")

        database = Database(empty.location, Secret("x", read))

        with pytest.raises(DatabaseUnavailable, match=r"^database error 1045$"):
            insert(database)

        assert len(reads) == 2


def retried(work: Callable[[], None]) -> None:
    """Do some work as soon as the server has noticed that connections were given back."""
    deadline = time.monotonic() + 5
    while True:
        try:
            work()
        except DatabaseUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
