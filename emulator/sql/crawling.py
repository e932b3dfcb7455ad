"""Find out what table lies in a folder of S3, as a crawler of Glue does.

Folders ``key=value`` become partition keys; other folders become ``partition_0`` and so on. The
files' format and columns are inferred from their content, over all files.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from emulator.sql.catalog import (
    JsonObject,
    Part,
    Rights,
    Store,
    bucket_and_prefix,
    fetched,
    hidden,
)
from emulator.sql.errors import QueryFailed
from emulator.sql.types import hive_type, literal, quoted

INPUT = "org.apache.hadoop.mapred.TextInputFormat"
OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
#: By format, the input format, the output format and the SerDe.
CLASSES = {
    "json": (INPUT, OUTPUT, "org.openx.data.jsonserde.JsonSerDe"),
    "csv": (INPUT, OUTPUT, "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"),
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
}
#: Crawlers leave times in texts as texts.
TIMES = re.compile(r"\b(date|timestamp)\b")
INTEGERS = 2**31


@dataclass(frozen=True)
class Found:
    """A table that a crawler found: Glue's description of it, and its partitions."""

    table: JsonObject
    partitions: list[JsonObject]


def crawl(
    store: Store,
    rights: Rights,
    path: str,
    prefix: str,
    folder: Path,
    excluded: Sequence[str] = (),
) -> Found | None:
    """Return the table in a folder of S3; nothing when the folder is empty.

    Parameters
    ----------
    store, rights
        The objects, and the rights of the crawler's role.
    path
        The folder.
    prefix
        The beginning of the table's name.
    folder
        An empty folder here.
    excluded
        Patterns of names in the folder that are not crawled.

    Raises
    ------
    QueryFailed
        When files are unreadable.
    """
    bucket, start = bucket_and_prefix(path)
    rights("s3:ListBucket", f"arn:aws:s3:::{bucket}")
    names = [
        key[len(start) :]
        for key, size in sorted(store.sizes(bucket, start).items())
        if size and not key.endswith("/") and not hidden(key[len(start) :])
    ]
    names = [n for n in names if not any(fnmatch(n, one) for one in excluded)]
    if not names:
        return None
    folders = sorted({tuple(name.split("/")[:-1]) for name in names})
    keys = keys_of(folders)
    root = f"s3://{bucket}/{start}"
    parts = {
        f"{root}{'/'.join(one)}/" if one else root: [v.partition("=")[2] or v for v in one]
        for one in folders
    }
    if not keys:
        parts = {root: []}
    files = fetched(store, rights, [Part(one) for one in parts], folder / "files", lower=True)
    paths = [file for file, _, _ in files]
    kind, columns, details = described(paths)
    read_by, written_by, serde = CLASSES[kind]
    storage: JsonObject = {
        "Columns": [{"Name": n.lower(), "Type": t} for n, t in columns],
        "Location": root,
        "InputFormat": read_by,
        "OutputFormat": written_by,
        "Compressed": any(file.endswith(".gz") for file in paths),
        "NumberOfBuckets": -1,
        "SerdeInfo": {"SerializationLibrary": serde, "Parameters": serde_parameters(kind, details)},
        "StoredAsSubDirectories": False,
    }
    name = re.sub(r"\W", "_", (start.rstrip("/").rpartition("/")[2] or bucket).lower())
    table = {
        "Name": f"{prefix}{name}",
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
        "Parameters": {
            "classification": kind,
            "compressionType": "gzip" if storage["Compressed"] else "none",
            "objectCount": str(len(files)),
            "sizeKey": str(sum(size for _, _, size in files)),
            "typeOfData": "file",
            **details,
        },
        "StorageDescriptor": storage,
    }
    partitions = [
        {"Values": values, "StorageDescriptor": {**storage, "Location": location}}
        for location, values in parts.items()
        if keys
    ]
    return Found(table, partitions)


def keys_of(folders: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the partition keys in the folders of some files.

    Raises
    ------
    QueryFailed
        When the files lie at different depths, so that they are not one table.
    """
    depths = {len(one) for one in folders}
    if len(depths) > 1:
        raise QueryFailed("Internal Service Exception: the folders of one table differ in depth")
    keys = []
    for level, names in enumerate(zip(*folders, strict=True)):
        named = {name.partition("=")[0] for name in names if "=" in name}
        is_key = len(named) == 1 and all("=" in name for name in names)
        keys.append(named.pop().lower() if is_key else f"partition_{level}")
    return keys


def described(paths: Sequence[str]) -> tuple[str, list[tuple[str, str]], JsonObject]:
    """Return the format of some files, their columns with Hive's types, and table parameters."""
    import duckdb

    head = Path(paths[0]).read_bytes()
    if head.startswith(b"\x1f\x8b"):
        head = gzip.decompress(head)
    files = f"[{', '.join(map(literal, paths))}]"
    try:
        with duckdb.connect(":memory:", config={"threads": 2}) as connection:
            if head.startswith(b"PAR1"):
                source = f"read_parquet({files}, union_by_name = true, hive_partitioning = false)"
                return "parquet", columns_of(connection, source), {}
            if head.lstrip()[:1] in (b"{", b"["):
                source = (
                    f"read_json({literal(joined(paths))}, format = 'newline_delimited', "
                    "sample_size = -1, maximum_depth = 8)"
                )
                columns = columns_of(connection, source)
                return "json", small_integers(connection, source, columns), {}
            return "csv", *text_columns(connection, files, head)
    except duckdb.Error as error:
        raise QueryFailed(f"The files cannot be classified: {error}") from None


def joined(paths: Sequence[str]) -> str:
    """Return a file with the lines of all files, which DuckDB reads faster than thousands."""
    whole = Path(paths[0]).with_name("all")
    with whole.open("wb") as stream:
        for path in paths:
            content = Path(path).read_bytes()
            lines = gzip.decompress(content) if path.endswith(".gz") else content
            stream.write(lines.rstrip(b"\n") + b"\n")
    return str(whole)


def columns_of(connection: Any, source: str) -> list[tuple[str, str]]:
    """Return the columns of a source with Hive's types, times in texts as texts."""
    is_text = not source.startswith("read_parquet")
    found = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
    types = [(row[0], hive_type(row[1])) for row in found]
    return [(name, TIMES.sub("string", kind) if is_text else kind) for name, kind in types]


def small_integers(
    connection: Any, source: str, columns: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return columns of JSON, those of integers as ``int`` where their values are small."""
    integers = [name for name, kind in columns if kind == "bigint"]
    if not integers:
        return columns
    most = ", ".join(f"coalesce(max(abs({quoted(name)})), 0)" for name in integers)
    row = connection.execute(f"SELECT {most} FROM {source}").fetchone()  # noqa: S608
    small = {name for name, value in zip(integers, row, strict=True) if value < INTEGERS}
    return [(name, "int" if name in small else kind) for name, kind in columns]


def text_columns(
    connection: Any, files: str, head: bytes
) -> tuple[list[tuple[str, str]], JsonObject]:
    """Return the columns of separated values, and what the table says about them."""
    first = head.partition(b"\n")[0].decode(errors="replace")
    mark = max("\t,|;", key=first.count)
    source = (
        f"read_csv({files}, delim = {literal(mark)}, union_by_name = true, "
        "hive_partitioning = false, sample_size = 20480, nullstr = ['', '\\N'])"
    )
    columns = columns_of(connection, source)
    has_header = [name for name, _ in columns] == [n.strip('"\r') for n in first.split(mark)]
    if not has_header:
        columns = [(f"col{number}", kind) for number, (_, kind) in enumerate(columns)]
    details = {"delimiter": mark, "areColumnsQuoted": "false", "columnsOrdered": "true"}
    return columns, details | ({"skip.header.line.count": "1"} if has_header else {})


def serde_parameters(kind: str, details: JsonObject) -> JsonObject:
    """Return the parameters of a table's SerDe."""
    return {"field.delim": details["delimiter"]} if kind == "csv" else {}
