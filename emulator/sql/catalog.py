"""Tables of the Glue catalog, and their files in S3, as relations of DuckDB."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlparse

from emulator.sql.errors import QueryFailed
from emulator.sql.types import duckdb_type, literal, quoted

JsonObject = dict[str, Any]
#: Asks whether the caller may do an action on a resource; raises QueryFailed when not.
Rights = Callable[[str, str], None]

FILE = "$file"
#: The folder of rows whose partition column is null.
NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
#: By a part of the names of the input format and the SerDe, the format of a table's files.
FORMATS = ("parquet", "json", "orc", "avro")
CTRL_A = "\x01"
LARGE_KEYS = re.compile(rb'"[^"\n]*[A-Z][^"\n]*"\s*:')


class Store(Protocol):
    """The objects in S3."""

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        """Return the sizes of the objects below a prefix, by key."""

    def read(self, bucket: str, key: str) -> bytes:
        """Return an object's content."""


class Catalog(Protocol):
    """The Glue catalog."""

    def database(self, name: str) -> JsonObject | None:
        """Return a database."""

    def databases(self) -> list[str]:
        """Return the names of the databases."""

    def table(self, database: str, name: str) -> JsonObject | None:
        """Return a table."""

    def tables(self, database: str) -> list[str]:
        """Return the names of a database's tables."""

    def partitions(self, database: str, name: str) -> list[JsonObject]:
        """Return a table's partitions."""

    def create_table(self, database: str, table: JsonObject) -> None:
        """Create a table."""

    def add_partitions(self, database: str, name: str, partitions: list[JsonObject]) -> None:
        """Add partitions to a table."""


@dataclass(frozen=True)
class Part:
    """A folder of a table's files, with its values of the partition keys."""

    location: str
    values: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table, and where its files are."""

    database: str
    name: str
    described: Mapping[str, Any]
    parts: Sequence[Part]

    @property
    def storage(self) -> Mapping[str, Any]:
        """The storage descriptor."""
        found: Mapping[str, Any] = self.described.get("StorageDescriptor") or {}
        return found

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Names and types of the columns in the files."""
        return [
            (c["Name"].lower(), c.get("Type", "string")) for c in self.storage.get("Columns") or []
        ]

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Names and types of the partition keys."""
        given = self.described.get("PartitionKeys") or []
        return [(c["Name"].lower(), c.get("Type", "string")) for c in given]

    @property
    def location(self) -> str:
        """Where its files are, with a slash at the end."""
        return str(self.storage.get("Location") or "").rstrip("/") + "/"

    @property
    def format(self) -> str:
        """The format of its files: ``parquet``, ``json``, ``csv``, or one that is not read here."""
        serde = self.storage.get("SerdeInfo") or {}
        named = f"{self.storage.get('InputFormat')} {serde.get('SerializationLibrary')}".lower()
        classified = str((self.described.get("Parameters") or {}).get("classification", "")).lower()
        for one in FORMATS:
            if one in named or one == classified:
                return one
        return "csv"


def arns(place: str, database: str, table: str) -> list[str]:
    """Return the ARNs that a call about a table is about; `place` is region and account."""
    names = ("catalog", f"database/{database}", f"table/{database}/{table}")
    return [f"arn:aws:glue:{place}:{name}" for name in names]


def found_table(catalog: Catalog, database: str, name: str) -> Table:
    """Return a table of the catalog.

    Raises
    ------
    QueryFailed
        When the catalog does not have it.
    """
    if catalog.database(database) is None:
        raise QueryFailed(f"SCHEMA_NOT_FOUND: Schema '{database}' does not exist")
    described = catalog.table(database, name)
    if described is None:
        raise QueryFailed(
            f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.{name}' does not exist"
        )
    if not described.get("PartitionKeys"):
        location = (described.get("StorageDescriptor") or {}).get("Location") or ""
        return Table(database, name, described, [Part(location)])
    parts = [
        Part(
            one.get("StorageDescriptor", {}).get("Location") or "",
            tuple(None if v == NULL_FOLDER else v for v in one["Values"]),
        )
        for one in catalog.partitions(database, name)
    ]
    return Table(database, name, described, parts)


def bucket_and_prefix(location: str) -> tuple[str, str]:
    """Return the bucket and the prefix of a folder in S3; the prefix ends with a slash.

    Raises
    ------
    QueryFailed
        When it is not a folder in S3.
    """
    parsed = urlparse(location)
    if parsed.scheme not in ("s3", "s3a") or not parsed.netloc:
        raise QueryFailed(f"HIVE_METASTORE_ERROR: '{location}' is not a location in S3")
    prefix = parsed.path.lstrip("/")
    return parsed.netloc, prefix if not prefix or prefix.endswith("/") else f"{prefix}/"


def hidden(name: str) -> bool:
    """Return whether a file or a folder of it begins as those do that Athena does not read."""
    return any(part.startswith(("_", ".")) for part in name.split("/"))


def fetched(
    store: Store, rights: Rights, parts: Iterable[Part], folder: Path, lower: bool
) -> list[tuple[str, Part, int]]:
    """Copy the files of some parts of a table to a folder.

    Parameters
    ----------
    store, rights
        The objects, and the caller's rights.
    parts
        The parts.
    folder
        The folder, which is made.
    lower
        Write the keys of JSON in small letters, since Athena ignores their case.

    Returns
    -------
    list
        The path of each copy, its part, and the object's size.
    """
    folder.mkdir()
    found: list[tuple[str, Part, int]] = []
    places = {part: bucket_and_prefix(part.location) for part in parts}
    for bucket in sorted({bucket for bucket, _ in places.values()}):
        rights("s3:ListBucket", f"arn:aws:s3:::{bucket}")
        by_folder = {place[1]: part for part, place in places.items() if place[0] == bucket}
        common = commonpath(list(by_folder))
        sizes = store.sizes(bucket, common)
        keys = []
        for key in sorted(sizes):
            prefix = next((one for one in folders_of(key) if one in by_folder), None)
            if prefix is None or key == prefix or hidden(key[len(prefix) :]) or not sizes[key]:
                continue
            keys.append((key, by_folder[prefix]))
        # One question for each of thousands of objects would take longer than the query.
        for key in sorted({key for key, _ in (keys[:1] + keys[-1:])}):
            rights("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
        for key, part in keys:
            content = store.read(bucket, key)
            path = folder / f"{len(found)}{'.gz' if key.endswith('.gz') else ''}"
            path.write_bytes(in_small_letters(content) if lower else content)
            found.append((str(path), part, sizes[key]))
    return found


def folders_of(key: str) -> list[str]:
    """Return the folders that hold an object, the deepest first, and the bucket's root."""
    names = key.split("/")[:-1]
    return ["".join(f"{name}/" for name in names[:n]) for n in range(len(names), -1, -1)]


def in_small_letters(content: bytes) -> bytes:
    """Return lines of JSON with the names of their fields in small letters."""
    is_packed = content.startswith(b"\x1f\x8b")
    text = gzip.decompress(content) if is_packed else content
    if not LARGE_KEYS.search(text):
        return content

    def lower(pairs: list[tuple[str, Any]]) -> JsonObject:
        return {key.lower(): value for key, value in pairs}

    try:
        lines = [
            json.dumps(json.loads(line, object_pairs_hook=lower))
            for line in text.splitlines()
            if line.strip()
        ]
    except ValueError:
        return content
    changed = ("\n".join(lines) + "\n").encode()
    return gzip.compress(changed) if is_packed else changed


def define(connection: Any, table: Table, files: Sequence[tuple[str, Part, int]]) -> None:
    """Make a view of a table, with the columns of the catalog, over copies of its files."""
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.database)}")
    name = f"{quoted(table.database)}.{quoted(table.name)}"
    columns = [*table.columns, *table.keys]
    if not files:
        nothing = ", ".join(f"CAST(NULL AS {duckdb_type(t)}) AS {quoted(n)}" for n, t in columns)
        connection.execute(f"CREATE VIEW {name} AS SELECT {nothing or '1'} WHERE FALSE")
        return
    paths = [path for path, _, _ in files]
    source, projected = reader(connection, table, paths)
    if table.keys:
        of_file = f"{table.database}.{table.name}.files"
        names = "".join(f", k{i} VARCHAR" for i in range(len(table.keys)))
        connection.execute(f"CREATE TABLE {quoted(of_file)} (file VARCHAR{names})")
        marks = ", ".join(["unnest(?)"] * (1 + len(table.keys)))
        rows = [[path, *part.values] for path, part, _ in files]
        connection.execute(
            f"INSERT INTO {quoted(of_file)} SELECT {marks}",
            [list(column) for column in zip(*rows, strict=True)],
        )
        projected += [
            f"CAST(p.k{i} AS {duckdb_type(kind)}) AS {quoted(key)}"
            for i, (key, kind) in enumerate(table.keys)
        ]
        source += f" AS t JOIN memory.main.{quoted(of_file)} AS p ON p.file = t.{quoted(FILE)}"
    connection.execute(f"CREATE VIEW {name} AS SELECT {', '.join(projected)} FROM {source}")  # noqa: S608


def reader(connection: Any, table: Table, paths: Sequence[str]) -> tuple[str, list[str]]:
    """Return DuckDB's reader of some files, and the columns of the table in it.

    Raises
    ------
    QueryFailed
        When the format is not read here.
    """
    files = f"[{', '.join(map(literal, paths))}]"
    named = f"filename = {literal(FILE)}"
    kind = table.format
    if kind == "json":
        columns = ", ".join(f"{literal(n)}: {literal(duckdb_type(t))}" for n, t in table.columns)
        source = (
            f"read_json({files}, columns = {{{columns}}}, format = 'newline_delimited', {named})"
        )
        return source, [quoted(name) for name, _ in table.columns]
    if kind == "parquet":
        source = f"read_parquet({files}, union_by_name = true, hive_partitioning = false, {named})"
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
        there = {row[0].lower() for row in described}
        return source, [
            f"CAST({quoted(n) if n in there else 'NULL'} AS {duckdb_type(t)}) AS {quoted(n)}"
            for n, t in table.columns
        ]
    if kind != "csv":
        raise QueryFailed(f"NOT_SUPPORTED: Files of the format {kind} cannot be read here")
    serde = table.storage.get("SerdeInfo") or {}
    library, given = serde.get("SerializationLibrary") or "", serde.get("Parameters") or {}
    if "OpenCSVSerde" in library:
        mark, quote = given.get("separatorChar", ","), given.get("quoteChar", '"')
    else:
        # LazySimpleSerDe splits at Ctrl-A unless a delimiter is set, and knows no quotes.
        mark, quote = given.get("field.delim") or CTRL_A, ""
    skipped = int((table.described.get("Parameters") or {}).get("skip.header.line.count", 0))
    raw = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(table.columns)))
    source = (
        f"read_csv({files}, auto_detect = false, header = false, skip = {skipped}, "
        f"delim = {literal(mark)}, quote = {literal(quote)}, escape = {literal(quote)}, "
        f"columns = {{{raw}}}, null_padding = true, strict_mode = false, nullstr = '\\N', "
        f"hive_partitioning = false, {named})"
    )
    return source, [
        f"TRY_CAST(c{i} AS {duckdb_type(t)}) AS {quoted(n)}"
        for i, (n, t) in enumerate(table.columns)
    ]


def values_in(name: str, keys: Sequence[str]) -> tuple[str, ...] | None:
    """Return the values of partition keys in the folders ``key=value`` of a name, if it has all."""
    folders = dict(part.split("=", 1) for part in os.path.dirname(name).split("/") if "=" in part)
    if any(key not in folders for key in keys):
        return None
    return tuple(unquote(folders[key]) for key in keys)
