"""The migrations against a real database that begins empty, as an administrator without root."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from crm import migrate as migrations
from crm.migrate import Migration, MigrationError, handler, migrate, read_migrations
from flowbridge.database import Database, DatabaseUnavailable, Location
from flowbridge.errors import ConfigurationError
from ops.local.database import Credentials
from tests.flows.crm_registration.support.database import CrmDatabase, secret_of
from tests.support.functions import LambdaContext
from tests.support.mariadb import MariaDB

NAME = "crm_migrated"
USER = Credentials("crm_migrated_user", "one-password")
ALL = [f"{number:03}" for number in range(1, 10)]
FIRST = Migration("001", "one", "CREATE TABLE IF NOT EXISTS ONE (id INT)")
SECOND = Migration("002", "two", "CREATE TABLE IF NOT EXISTS TWO (id INT)")
THIRD = Migration("003", "three", "CREATE TABLE IF NOT EXISTS THREE (id INT)")


@pytest.fixture
def empty_database(
    mariadb: MariaDB, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[CrmDatabase]:
    """A database without tables, and what the function needs to find it."""
    administrator = mariadb.administrator
    mariadb.execute(f"CREATE OR REPLACE DATABASE {NAME}")
    mariadb.execute(f"GRANT ALL ON {NAME}.* TO {administrator.username}@'%' WITH GRANT OPTION")
    mariadb.execute(f"DROP USER IF EXISTS {USER.username}@'%'")
    secrets["administrator"] = secret_of(administrator).text()
    secrets["application"] = secret_of(USER).text()
    monkeypatch.setenv("DATABASE_HOST", mariadb.host)
    monkeypatch.setenv("DATABASE_PORT", str(mariadb.port))
    monkeypatch.setenv("DATABASE_NAME", NAME)
    monkeypatch.setenv("DATABASE_SECRET", "application")
    monkeypatch.setenv("DATABASE_ADMIN_SECRET", "administrator")
    yield CrmDatabase(mariadb, USER)
    mariadb.execute(f"DROP DATABASE {NAME}")
    mariadb.execute(f"DROP USER IF EXISTS {USER.username}@'%'")


def run(digest: str = "0123") -> dict[str, Any]:
    """Invoke the function as Terraform does."""
    return handler({"migrations": digest}, LambdaContext())


def apply(database: CrmDatabase, *files: Migration) -> dict[str, Any]:
    """Apply migrations as the administrator."""
    location = Location(database.server.host, database.server.port, NAME)
    administrator = Database(location, secret_of(database.server.administrator))
    try:
        return administrator.transaction(lambda cursor: migrate(cursor, files))
    finally:
        administrator.close()


def tables(database: CrmDatabase) -> set[str]:
    """Return the names of the database's tables, views not among them."""
    rows = database.server.execute(
        "SELECT table_name AS name FROM information_schema.tables "
        "WHERE table_schema = %s AND table_type = 'BASE TABLE'",
        NAME,
    )
    return {row["name"] for row in rows}


def grants(database: CrmDatabase) -> set[str]:
    """Return the user's rights, without how it proves who it is."""
    rows = database.server.execute(f"SHOW GRANTS FOR {USER.username}@'%'")
    return {str(next(iter(row.values()))).split(" IDENTIFIED")[0] for row in rows}


def expected_grants() -> set[str]:
    """Return all that the endpoints need."""
    user = f"`{USER.username}`@`%`"
    needed = {
        f"GRANT SELECT, INSERT ON `{NAME}`.`{table}` TO {user}"
        for table in ("CLIENTS", "PARTNERS", "BENEFIT")
    } | {
        f"GRANT SELECT, DELETE ON `{NAME}`.`SYNTHETIC_{table}` TO {user}"
        for table in ("CLIENTS", "PARTNERS", "BENEFIT")
    }
    return needed | {f"GRANT USAGE ON *.* TO {user}"}


def as_user(database: CrmDatabase, statement: str, password: str = USER.password) -> None:
    """Run a statement with the application's rights."""
    connection = database.server.connect(Credentials(USER.username, password), NAME)
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()


class TestTheFunction:
    """The whole function, with its own migrations."""

    def test_it_makes_the_tables_and_the_user(self, empty_database: CrmDatabase) -> None:
        assert run() == {"applied": ALL, "present": []}

        assert tables(empty_database) == {"CLIENTS", "PARTNERS", "BENEFIT", "schema_migrations"}
        assert grants(empty_database) == expected_grants()
        as_user(empty_database, "INSERT INTO PARTNERS (rut, store) VALUES ('1-9', 'x')")

    def test_a_second_run_changes_nothing(self, empty_database: CrmDatabase) -> None:
        run()
        as_user(empty_database, "INSERT INTO PARTNERS (rut, store) VALUES ('1-9', 'x')")

        assert run("4567") == {"applied": [], "present": ALL}

        assert grants(empty_database) == expected_grants()
        [row] = empty_database.server.execute(f"SELECT COUNT(*) AS n FROM {NAME}.PARTNERS")
        assert row["n"] == 1

    def test_runs_at_the_same_time_do_the_work_once(self, empty_database: CrmDatabase) -> None:
        start, results = threading.Barrier(3), []

        def one() -> None:
            start.wait()
            results.append(run())

        threads = [threading.Thread(target=one) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(result["applied"] for result in results) == [[], [], ALL]
        assert grants(empty_database) == expected_grants()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE CLIENTS SET name = 'x'",
            "DELETE FROM CLIENTS",
            "DROP TABLE CLIENTS",
            "CREATE TABLE X (id INT)",
            "SELECT * FROM schema_migrations",
            "SELECT * FROM mysql.user",
        ],
    )
    def test_the_user_may_do_nothing_else(
        self, statement: str, empty_database: CrmDatabase
    ) -> None:
        run()

        with pytest.raises(pymysql.MySQLError) as refusal:
            as_user(empty_database, statement)

        assert refusal.value.args[0] in (1142, 1044)

    @pytest.mark.parametrize(
        "grant",
        [
            f"GRANT UPDATE ON {NAME}.CLIENTS TO {USER.username}@'%'",
            f"GRANT ALL ON {NAME}.* TO {USER.username}@'%'",
            f"GRANT PROCESS ON *.* TO {USER.username}@'%'",
            f"GRANT SELECT ON {NAME}.CLIENTS TO {USER.username}@'%' WITH GRANT OPTION",
        ],
    )
    def test_rights_from_elsewhere_are_taken_away(
        self, grant: str, empty_database: CrmDatabase
    ) -> None:
        run()
        empty_database.server.execute(grant)
        assert grants(empty_database) != expected_grants()

        run()

        assert grants(empty_database) == expected_grants()

    def test_the_user_gets_the_password_of_the_secret(
        self, empty_database: CrmDatabase, secrets: dict[str, str]
    ) -> None:
        run()
        secrets["application"] = secret_of(Credentials(USER.username, "it's \\ new")).text()

        run()

        as_user(empty_database, "SELECT 1", password="it's \\ new")
        with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
            as_user(empty_database, "SELECT 1")

    def test_the_administrator_is_not_cut_down(
        self, empty_database: CrmDatabase, secrets: dict[str, str]
    ) -> None:
        secrets["application"] = secrets["administrator"]

        with pytest.raises(ConfigurationError, match="Use another user for the functions"):
            run()

        assert tables(empty_database) == set()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("bare", "The secret application is not a JSON object"),
            ('["a"]', "The secret application is not a JSON object"),
            (json.dumps({"username": "a"}), "The secret application lacks the string 'password'"),
            (json.dumps({"username": "", "password": "b"}), "lacks the string 'username'"),
        ],
    )
    def test_a_malformed_secret_is_named(
        self, text: str, message: str, empty_database: CrmDatabase, secrets: dict[str, str]
    ) -> None:
        secrets["application"] = text

        with pytest.raises(ConfigurationError, match=message):
            run()

    def test_the_database_is_away(
        self, empty_database: CrmDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_PORT", "1")

        with pytest.raises(DatabaseUnavailable, match="database error 2003"):
            run()

    def test_another_run_takes_too_long(
        self, empty_database: CrmDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(migrations, "LOCK_SECONDS", 0)
        administrator = empty_database.server.connect(empty_database.server.administrator)
        try:
            with (
                migrations._lock(administrator.cursor(), NAME),
                pytest.raises(MigrationError, match="Another migration is still running"),
            ):
                run()
            assert run()["applied"] == ALL
        finally:
            administrator.close()

    def test_a_run_of_another_database_is_not_waited_for(
        self, empty_database: CrmDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(migrations, "LOCK_SECONDS", 0)
        administrator = empty_database.server.connect(empty_database.server.administrator)
        try:
            with migrations._lock(administrator.cursor(), "another"):
                assert run()["applied"] == ALL
        finally:
            administrator.close()

    def test_a_table_that_is_in_use_is_waited_for_in_vain(
        self, empty_database: CrmDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        run()
        monkeypatch.setattr(migrations, "TABLE_LOCK_SECONDS", 1)
        monkeypatch.setattr(migrations, "FOLDER", copied(tmp_path, with_one_more=True))
        user = empty_database.server.connect(USER, NAME)
        try:
            user.begin()
            user.cursor().execute("SELECT * FROM CLIENTS")
            begin = time.monotonic()
            with pytest.raises(DatabaseUnavailable, match="database error 1205"):
                run()
            assert time.monotonic() - begin < 3
        finally:
            user.close()
        assert run() == {"applied": ["010"], "present": ALL}


class TestTheHistory:
    """What was applied decides, and is never done again or passed over in silence."""

    def test_what_is_new_is_applied_in_order(self, empty_database: CrmDatabase) -> None:
        assert apply(empty_database, FIRST) == {"applied": ["001"], "present": []}
        assert apply(empty_database, FIRST, SECOND, THIRD) == {
            "applied": ["002", "003"],
            "present": ["001"],
        }
        rows = empty_database.server.execute(f"SELECT * FROM {NAME}.schema_migrations")
        assert [(r["version"], r["name"], r["sha256"]) for r in rows] == [
            (m.version, m.name, m.sha256) for m in (FIRST, SECOND, THIRD)
        ]
        assert all(row["applied_at"] for row in rows)

    def test_a_changed_file_is_refused(self, empty_database: CrmDatabase) -> None:
        apply(empty_database, FIRST, SECOND)
        changed = Migration("001", "one", "DROP TABLE ONE")

        with pytest.raises(MigrationError, match="Migration 001 was changed after it was applied"):
            apply(empty_database, changed, SECOND, THIRD)

        assert tables(empty_database) == {"ONE", "TWO", "schema_migrations"}

    def test_a_lost_file_is_refused(self, empty_database: CrmDatabase) -> None:
        apply(empty_database, FIRST, SECOND)

        message = "Migration 001 was applied, but its file is missing"
        with pytest.raises(MigrationError, match=message):
            apply(empty_database, SECOND)

    def test_an_older_release_runs_on_a_newer_schema(self, empty_database: CrmDatabase) -> None:
        apply(empty_database, FIRST, SECOND, THIRD)

        assert apply(empty_database, FIRST) == {"applied": [], "present": ["001", "002", "003"]}

    def test_a_file_out_of_order_is_refused(self, empty_database: CrmDatabase) -> None:
        apply(empty_database, FIRST, THIRD)

        with pytest.raises(MigrationError, match="Migration 002 is older than 003"):
            apply(empty_database, FIRST, SECOND, THIRD)

        assert "TWO" not in tables(empty_database)

    def test_what_came_before_a_failure_stays_applied(self, empty_database: CrmDatabase) -> None:
        broken = Migration("002", "two", "CREATE TABEL TWO (id INT)")

        with pytest.raises(MigrationError, match=r"Migration 002 \(two\) failed: .*1064.*TABEL"):
            apply(empty_database, FIRST, broken)

        assert apply(empty_database, FIRST, SECOND) == {"applied": ["002"], "present": ["001"]}

    def test_a_failure_over_data_quotes_none_of_it(self, empty_database: CrmDatabase) -> None:
        apply(empty_database, FIRST)
        empty_database.server.execute(f"INSERT INTO {NAME}.ONE VALUES (5198), (5198)")
        unique = Migration("002", "two", "ALTER TABLE ONE ADD UNIQUE KEY (id)")

        with pytest.raises(MigrationError, match="error 1062") as failure:
            apply(empty_database, FIRST, unique)

        assert "5198" not in str(failure.value)

    def test_a_run_that_was_cut_off_is_finished(self, empty_database: CrmDatabase) -> None:
        """The table is there, its record is not: the statement runs again and is harmless."""
        empty_database.server.execute(f"CREATE TABLE {NAME}.ONE (id INT)")

        assert apply(empty_database, FIRST) == {"applied": ["001"], "present": []}


class TestTheFiles:
    """A folder that cannot be right is refused before the database is touched."""

    def test_they_are_read_in_order(self) -> None:
        files = read_migrations(migrations.FOLDER)

        assert [file.version for file in files] == ALL
        assert [file.name for file in files] == [
            "create_clients",
            "create_partners",
            "create_benefit",
            "create_synthetic_clients",
            "create_synthetic_partners",
            "create_synthetic_benefit",
            "name_the_execution_of_clients",
            "name_the_execution_of_partners",
            "name_the_execution_of_benefit",
        ]

    def test_each_may_be_repeated(self, empty_database: CrmDatabase) -> None:
        administrator = empty_database.server.connect(empty_database.server.administrator, NAME)
        for file in read_migrations(migrations.FOLDER) * 2:
            administrator.cursor().execute(file.statement)
        administrator.close()

        assert tables(empty_database) == {"CLIENTS", "PARTNERS", "BENEFIT"}

    @pytest.mark.parametrize("name", ["1_short.sql", "004-dash.sql", "007_x.txt", "notes.md"])
    def test_a_strange_name_is_refused(self, name: str, tmp_path: Path) -> None:
        (copied(tmp_path) / name).write_text("SELECT 1")

        with pytest.raises(MigrationError, match=f"{name} is not a migration. Name it"):
            read_migrations(tmp_path)

    def test_a_version_that_stands_twice_is_refused(self, tmp_path: Path) -> None:
        (copied(tmp_path) / "002_again.sql").write_text("SELECT 1")

        with pytest.raises(MigrationError, match="Two migrations are 002"):
            read_migrations(tmp_path)

    def test_the_digest_does_not_depend_on_line_ends_at_the_end(self, tmp_path: Path) -> None:
        (tmp_path / "001_one.sql").write_text(FIRST.statement + "\n\n")

        assert read_migrations(tmp_path)[0].sha256 == FIRST.sha256


def copied(folder: Path, with_one_more: bool = False) -> Path:
    """Copy the migrations into a folder, with one more if wanted."""
    for file in migrations.FOLDER.iterdir():
        (folder / file.name).write_text(file.read_text())
    if with_one_more:
        statement = "ALTER TABLE CLIENTS ADD COLUMN IF NOT EXISTS note VARCHAR(10) NULL"
        (folder / "010_add_note.sql").write_text(statement)
    return folder
