"""Athena's SQL on DuckDB: statements, types, parameters and folders, without a server."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from emulator import engines
from emulator.sql.catalog import in_small_letters, values_in
from emulator.sql.crawling import Found, crawl, keys_of
from emulator.sql.errors import LimitExceeded, QueryFailed
from emulator.sql.queries import Engine, Outcome
from emulator.sql.statements import bound, executed, options_of, parsed, read
from emulator.sql.types import athena_type, duckdb_type, hive_type

engines.use(engines.SQL)


class Store:
    """Objects of one bucket, in memory."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = dict(objects)

    def sizes(self, _bucket: str, prefix: str) -> dict[str, int]:
        return {key: len(one) for key, one in self.objects.items() if key.startswith(prefix)}

    def read(self, _bucket: str, key: str) -> bytes:
        return self.objects[key]


class Catalog:
    """Tables of one database, in memory."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.parts: dict[str, list[dict[str, Any]]] = {}

    def database(self, name: str) -> dict[str, Any] | None:
        return {} if name == "db" else None

    def databases(self) -> list[str]:
        return ["db"]

    def table(self, _: str, name: str) -> dict[str, Any] | None:
        return self.known.get(name)

    def tables(self, _: str) -> list[str]:
        return list(self.known)

    def partitions(self, _: str, name: str) -> list[dict[str, Any]]:
        return self.parts.get(name, [])

    def create_table(self, _: str, table: dict[str, Any]) -> None:
        self.known[table["Name"]] = table

    def add_partitions(self, _: str, name: str, partitions: list[dict[str, Any]]) -> None:
        self.parts.setdefault(name, []).extend(partitions)


class Lake:
    """A store and a catalog that crawls fill, and queries on them."""

    def __init__(self, folder: Path, **objects: bytes) -> None:
        self.folder, self.store, self.catalog = folder, Store(**objects), Catalog()
        self.asked: list[tuple[str, str]] = []

    def crawl(self, name: str) -> Found:
        folder = self.folder / f"crawl-{name}"
        folder.mkdir()
        found = crawl(self.store, self.right, f"s3://lake/{name}/", "", folder)
        assert found
        self.catalog.create_table("db", found.table)
        self.catalog.add_partitions("db", found.table["Name"], found.partitions)
        return found

    def right(self, action: str, resource: str) -> None:
        self.asked.append((action, resource))

    def run(self, text: str, *parameters: str, most: int = 0) -> Outcome:
        folder = self.folder / f"query-{len(self.asked)}"
        folder.mkdir()
        engine = Engine(self.catalog, self.store, self.right, "us-east-1:1", folder, most)
        outcome = engine.run(text, parameters, "db", "s3://lake/out/")
        assert outcome
        for _, key, file in outcome.written:
            self.store.objects[key] = file.read_bytes()
        if outcome.finish:
            outcome.finish()
        return outcome


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    days = {f"daily/day=0{n}/a.json": json.dumps({"n": n}).encode() for n in (1, 2, 3)}
    made = Lake(tmp_path, **days)
    made.crawl("daily")
    return made


@pytest.mark.parametrize(
    ("hive", "duckdb"),
    [
        ("string", "VARCHAR"),
        ("decimal(7,2)", "DECIMAL(7,2)"),
        ("array<map<string,int>>", "MAP(VARCHAR, INTEGER)[]"),
        ("struct<a:int,b:array<struct<c:date>>>", 'STRUCT("a" INTEGER, "b" STRUCT("c" DATE)[])'),
    ],
)
def test_types_go_both_ways(hive: str, duckdb: str) -> None:
    assert duckdb_type(hive) == duckdb
    assert hive_type(duckdb) == hive


def test_results_have_athenas_types() -> None:
    names = ["VARCHAR", "INTEGER", "HUGEINT", "DECIMAL(7,2)", "VARCHAR[]", "STRUCT(a INTEGER)"]

    assert [athena_type(name) for name in names] == [
        "varchar",
        "integer",
        "bigint",
        "decimal",
        "array",
        "row",
    ]


@pytest.mark.parametrize(
    ("text", "kind", "of"),
    [
        ("(SELECT 1)", "SELECT", "DML"),
        ("WITH a AS (SELECT 1) SELECT * FROM a;", "SELECT", "DML"),
        ("UNLOAD (SELECT ')') TO 's3://b/p/' WITH (format = 'JSON')", "UNLOAD", "DML"),
        ("CREATE TABLE IF NOT EXISTS a.b AS SELECT 1 AS n", "CREATE_TABLE_AS", "DDL"),
        ("INSERT INTO t VALUES (1)", "INSERT", "DML"),
        ("MSCK REPAIR TABLE `db`.`t`", "MSCK", "DDL"),
        ("SHOW TABLES IN db 'a%'", "SHOW", "UTILITY"),
        ("DESCRIBE t", "DESCRIBE", "UTILITY"),
        ("DROP TABLE t", "OTHER", "DDL"),
    ],
)
def test_a_statement_is_known_by_its_form(text: str, kind: str, of: str) -> None:
    statement = read(text)

    assert (statement.kind, statement.of) == (kind, of)


def test_execute_has_a_name_and_values() -> None:
    assert executed("EXECUTE find USING 'a,b', 2;") == ("find", ["'a,b'", "2"])
    assert executed("EXECUTE find") == ("find", [])
    assert executed("SELECT 1") is None


def test_options_are_texts_and_lists() -> None:
    text = "format = 'PARQUET', partitioned_by = ARRAY['a', 'b'], field_delimiter = ','"

    assert options_of(text) == {
        "format": "PARQUET",
        "partitioned_by": ["a", "b"],
        "field_delimiter": ",",
    }
    with pytest.raises(QueryFailed, match="Unexpected property 'speed'"):
        options_of("speed = 'high'")


@pytest.mark.parametrize("value", ["'a''b'", "-1.5", "true", "NULL", "DATE '2026-11-30'"])
def test_a_literal_is_bound(value: str) -> None:
    tree = bound(parsed("SELECT 1 WHERE a = ? AND b = '?'"), [value])

    assert parsed(f"SELECT 1 WHERE a = {value} AND b = '?'") == tree


@pytest.mark.parametrize(
    "value", ["a", "1; DROP TABLE t", "'a' OR 1 = 1", "lower('a')", "(SELECT 1)", ""]
)
def test_what_is_no_literal_is_not_bound(value: str) -> None:
    with pytest.raises(QueryFailed, match="is not a literal"):
        bound(parsed("SELECT 1 WHERE a = ?"), [value])


def test_a_quote_in_a_value_ends_nothing(lake: Lake) -> None:
    assert lake.run("SELECT ?", "'x'' OR ''1'' = ''1'").rows == [["x' OR '1' = '1"]]


def test_folders_are_partition_keys() -> None:
    assert keys_of([("year=1", "a"), ("year=2", "b")]) == ["year", "partition_1"]
    assert keys_of([()]) == []
    assert values_in("year=2016/month=a%20b/f", ["year", "month"]) == ("2016", "a b")
    assert values_in("year=2016/f", ["year", "month"]) is None
    with pytest.raises(QueryFailed, match="differ in depth"):
        keys_of([("a",), ("a", "b")])


def test_names_of_fields_are_written_in_small_letters() -> None:
    changed = in_small_letters(b'{"User": {"Name": "Ann"}}\n')

    assert json.loads(changed) == {"user": {"name": "Ann"}}
    assert gzip.decompress(in_small_letters(gzip.compress(b'{"A": 1}'))) == b'{"a": 1}\n'
    assert in_small_letters(b'{"A": broken') == b'{"A": broken'


@pytest.mark.parametrize(
    ("where", "days", "total"),
    [
        ("", 3, 6),
        ("WHERE day = '02'", 1, 2),
        ("WHERE d.day > '01' AND n > 0", 2, 5),
        ("WHERE day = '01' OR n = 3", 3, 4),
        ("WHERE day IN (SELECT '02')", 3, 2),
    ],
)
def test_partitions_that_a_condition_excludes_are_not_read(
    lake: Lake, where: str, days: int, total: int
) -> None:
    outcome = lake.run(f"SELECT sum(n) FROM daily AS d {where}")

    assert (outcome.rows, outcome.scanned) == ([[total]], days * len(b'{"n": 1}'))


def test_parquet_is_scanned_by_column(lake: Lake) -> None:
    lake.run("CREATE TABLE wide AS SELECT n, repeat(day, 5000) AS text FROM daily")

    narrow, wide = (lake.run(f"SELECT {name} FROM wide").scanned for name in ("n", "text"))

    assert 0 < narrow < wide
    assert lake.run("SELECT * FROM wide").scanned >= narrow + wide


def test_a_query_that_would_scan_too_much_is_stopped(lake: Lake) -> None:
    with pytest.raises(LimitExceeded):
        lake.run("SELECT n FROM daily", most=20)


def test_rows_without_a_partition_value_come_back_as_null(lake: Lake) -> None:
    lake.run(
        "CREATE TABLE copy WITH (partitioned_by = ARRAY['part']) AS "
        "SELECT n, nullif(day, '02') AS part FROM daily"
    )

    found = lake.run("SELECT n, part FROM copy ORDER BY n").rows

    assert found == [[1, "01"], [2, None], [3, "03"]]


def test_the_rights_of_a_query_are_asked(lake: Lake) -> None:
    lake.asked.clear()

    lake.run("SELECT n FROM daily WHERE day = '03'")

    assert ("glue:GetTable", "arn:aws:glue:us-east-1:1:table/db/daily") in lake.asked
    assert ("glue:GetPartitions", "arn:aws:glue:us-east-1:1:catalog") in lake.asked
    objects = [resource for action, resource in lake.asked if action == "s3:GetObject"]
    assert objects == ["arn:aws:s3:::lake/daily/day=03/a.json"]


def test_files_of_the_computer_cannot_be_read(lake: Lake) -> None:
    with pytest.raises(QueryFailed, match="file system operations are disabled"):
        lake.run("SELECT * FROM read_text('/etc/hostname')")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT * FROM nothing", "TABLE_NOT_FOUND"),
        ("SELECT * FROM other.t", "SCHEMA_NOT_FOUND"),
        ("SELECT nothing FROM daily", "COLUMN_NOT_FOUND"),
        ("SELECT no_function(n) FROM daily", "FUNCTION_NOT_FOUND"),
        ("SELECT cast('a' AS int)", "INVALID_CAST_ARGUMENT"),
        ("UNLOAD (SELECT 1) TO 's3://lake/daily/'", "HIVE_PATH_ALREADY_EXISTS"),
        ("UNLOAD (SELECT 1) TO 's3://lake/x/' WITH (format = 'ORC')", "NOT_SUPPORTED"),
        (
            "UNLOAD (SELECT 1) TO 's3://lake/x/' WITH (format = 'JSON', compression = 'SNAPPY')",
            "INVALID_TABLE_PROPERTY",
        ),
        ("INSERT INTO daily SELECT 1", "TYPE_MISMATCH"),
        ("SHOW PARTITIONS nothing", "TABLE_NOT_FOUND"),
    ],
)
def test_a_failing_statement_says_why(lake: Lake, text: str, error: str) -> None:
    with pytest.raises(QueryFailed, match=error):
        lake.run(text)


def test_unreadable_rows_fail_the_query(lake: Lake) -> None:
    lake.store.objects["daily/day=01/b.json"] = b"{broken"

    with pytest.raises(QueryFailed, match="HIVE_BAD_DATA"):
        lake.run("SELECT n FROM daily")


def test_separated_values_are_crawled_with_their_header(tmp_path: Path) -> None:
    lake = Lake(tmp_path, **{"raw/a.tsv": b"id\tprice\tat\n1\t2.5\t2026-01-01\n"})

    found = lake.crawl("raw").table

    assert [c["Type"] for c in found["StorageDescriptor"]["Columns"]] == [
        "bigint",
        "double",
        "string",
    ]
    assert found["Parameters"]["skip.header.line.count"] == "1"
    assert lake.run("SELECT id, at FROM raw").rows == [[1, "2026-01-01"]]


def test_values_without_a_header_have_numbered_columns(tmp_path: Path) -> None:
    lake = Lake(tmp_path, **{"raw/a.csv": b"1,a\n2,b\n"})

    columns = lake.crawl("raw").table["StorageDescriptor"]["Columns"]

    assert [c["Name"] for c in columns] == ["col0", "col1"]
    assert lake.run("SELECT count(*) FROM raw").rows == [[2]]
