"""Run one statement, and return its result, the files it made and what it scanned."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from emulator.sql import catalog as tables
from emulator.sql.catalog import Catalog, JsonObject, Part, Rights, Store, Table
from emulator.sql.errors import LimitExceeded, QueryFailed
from emulator.sql.statements import Statement, bound, parsed, read
from emulator.sql.types import athena_type, duckdb_type, hive_type, literal, quoted

#: By format, what the catalog says of a table of it: input format, output format, SerDe.
CLASSES = {
    "PARQUET": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
    "JSON": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.openx.data.jsonserde.JsonSerDe",
    ),
    "TEXTFILE": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    ),
}
DEFAULT_COMPRESSION = "GZIP"
COMPRESSIONS = {
    "PARQUET": ("GZIP", "SNAPPY", "ZSTD", "NONE"),
    "JSON": ("GZIP", "NONE"),
    "TEXTFILE": ("GZIP", "NONE"),
}


@dataclass
class Outcome:
    """The result of a statement.

    Parameters
    ----------
    kind
        Athena's type of the statement: ``DML``, ``DDL`` or ``UTILITY``.
    columns, types, rows
        The result.
    scanned
        Bytes that were read of the tables' files.
    written
        Files to put into S3: bucket, key and path here.
    finish
        Changes the catalog when the files are there.
    is_unload
        Whether a manifest lists the files.
    """

    kind: str
    columns: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    scanned: int = 0
    written: list[tuple[str, str, Path]] = field(default_factory=list)
    finish: Callable[[], None] | None = None
    is_unload: bool = False

    @property
    def lines(self) -> list[str]:
        """The result as text, of a statement other than a query."""
        return ["\t".join("" if v is None else str(v) for v in row) for row in self.rows]


@dataclass(frozen=True)
class Engine:
    """Runs statements.

    Parameters
    ----------
    catalog, store
        The tables, and their files.
    rights
        The rights of who started the query.
    place
        Region and account, as in an ARN.
    folder
        An empty folder for files of this one statement.
    most_bytes
        The bytes that the workgroup lets a query scan; 0 for no limit.
    """

    catalog: Catalog
    store: Store
    rights: Rights
    place: str
    folder: Path
    most_bytes: int = 0

    def run(
        self, text: str, parameters: Sequence[str], database: str, output: str
    ) -> Outcome | None:
        """Run a statement; return nothing for one that only changes the catalog.

        Parameters
        ----------
        text
            The statement.
        parameters
            The values of its question marks.
        database
            The database of tables that are named without one.
        output
            A folder in S3 for a table that names none.

        Raises
        ------
        QueryFailed
            With the reason, in Athena's words.
        LimitExceeded
            When it would scan too much.
        """
        statement = read(text)
        run = {
            "SELECT": self._select,
            "UNLOAD": self._unload,
            "CREATE_TABLE_AS": self._create_table_as,
            "INSERT": self._insert,
            "MSCK": self._repair,
            "SHOW": self._show,
            "DESCRIBE": self._describe,
        }.get(statement.kind)
        if run is None:
            return None
        return run(statement, parameters, database, output)

    # --- queries ------------------------------------------------------------------------------

    def _select(
        self, statement: Statement, parameters: Sequence[str], database: str, _: str
    ) -> Outcome:
        connection, query, scanned = self._prepared(statement.text, parameters, database)
        with connection:
            result = self._executed(connection, query)
            columns = [column[0] for column in result.description]
            types = [athena_type(str(column[1])) for column in result.description]
            rows = [list(row) for row in result.fetchall()]
        return Outcome("DML", columns, types, rows, scanned)

    def _unload(
        self, statement: Statement, parameters: Sequence[str], database: str, _: str
    ) -> Outcome:
        outcome, _columns = self._written(
            statement, parameters, database, statement.target, statement.options
        )
        outcome.is_unload = True
        return outcome

    def _create_table_as(
        self, statement: Statement, parameters: Sequence[str], database: str, output: str
    ) -> Outcome:
        database, name = self._named(statement.name, database)
        self._ask("glue:GetTable", database, name)
        if self.catalog.database(database) is None:
            raise QueryFailed(f"SCHEMA_NOT_FOUND: Schema '{database}' does not exist")
        if self.catalog.table(database, name) is not None:
            if statement.target:
                return Outcome("DDL", ["rows"], ["bigint"], [[0]])
            raise QueryFailed(
                f"TABLE_ALREADY_EXISTS: Table 'awsdatacatalog.{database}.{name}' already exists"
            )
        self._ask("glue:CreateTable", database, name)
        options = dict(statement.options)
        # A table's compression has other names than that of UNLOAD.
        for other in ("write_compression", "parquet_compression"):
            options.setdefault("compression", options.pop(other, None) or DEFAULT_COMPRESSION)
        target = options.pop("external_location", f"{output}tables/{uuid4()}/")
        outcome, columns = self._written(statement, parameters, database, target, options)
        keys = options.get("partitioned_by") or []
        kind = str(options.get("format", "PARQUET")).upper()
        delimiter = options.get("field_delimiter") or tables.CTRL_A
        described = table_input(name, target, kind, columns, keys, delimiter)
        added = self._new_partitions(described, outcome.written, [])

        def finish() -> None:
            self.catalog.create_table(database, described)
            self.catalog.add_partitions(database, name, added)

        outcome.kind, outcome.finish = "DDL", finish
        return outcome

    def _insert(
        self, statement: Statement, parameters: Sequence[str], database: str, _: str
    ) -> Outcome:
        database, name = self._named(statement.name, database)
        table = self._table(database, name)
        keys = [key for key, _ in table.keys]
        wanted = [column for column, _ in table.columns] + keys
        given = statement.target.strip("()")
        named = [one.strip(' "').lower() for one in given.split(",")] if given else wanted
        if named != wanted:
            raise QueryFailed("NOT_SUPPORTED: INSERT needs every column in the table's order here")
        kind = {"csv": "TEXTFILE"}.get(table.format, table.format.upper())
        options: JsonObject = {"format": kind, "partitioned_by": keys}
        serde = (table.storage.get("SerdeInfo") or {}).get("Parameters") or {}
        if kind == "TEXTFILE" and serde.get("field.delim"):
            options["field_delimiter"] = serde["field.delim"]
        outcome, _columns = self._written(
            statement, parameters, database, table.location, options, names=wanted, adds=True
        )
        known = [list(part.values) for part in table.parts]
        added = self._new_partitions(dict(table.described), outcome.written, known)
        if added:
            self._ask("glue:BatchCreatePartition", database, name)
        outcome.finish = lambda: self.catalog.add_partitions(database, name, added)
        return outcome

    def _written(
        self,
        statement: Statement,
        parameters: Sequence[str],
        database: str,
        target: str,
        options: Any,
        names: Sequence[str] = (),
        adds: bool = False,
    ) -> tuple[Outcome, list[tuple[str, str]]]:
        """Write a query's rows to files; return the outcome, and names and types of columns."""
        kind, compression = format_of(options)
        bucket, prefix = tables.bucket_and_prefix(target)
        self.rights("s3:ListBucket", f"arn:aws:s3:::{bucket}")
        self.rights("s3:PutObject", f"arn:aws:s3:::{bucket}/{prefix}file")
        if not adds and self.store.sizes(bucket, prefix):
            raise QueryFailed(
                f"HIVE_PATH_ALREADY_EXISTS: Target directory for table '{target}' already exists: "
                f"{target}. You may need to manually clean the data at location '{target}' before "
                "retrying. Athena will not delete data in your account."
            )
        keys = [key.lower() for key in options.get("partitioned_by") or []]
        connection, query, scanned = self._prepared(statement.text, parameters, database)
        made = self.folder / "made"
        with connection:
            described = self._executed(connection, f"DESCRIBE {query}").fetchall()
            columns = [(row[0].lower(), row[1]) for row in described]
            if names:
                if len(names) != len(columns):
                    raise QueryFailed(
                        f"TYPE_MISMATCH: Insert query has {len(columns)} columns, the table has "
                        f"{len(names)}"
                    )
                renamed = ", ".join(map(quoted, names))
                query = f"SELECT * FROM ({query}) AS inserted({renamed})"  # noqa: S608
                columns = [(n, t) for n, (_, t) in zip(names, columns, strict=True)]
            if keys and [name for name, _ in columns[-len(keys) :]] != keys:
                raise QueryFailed(
                    "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns in the "
                    f"table and in the same order as the table properties: [{', '.join(keys)}]"
                )
            words = copy_options(kind, compression, options)
            if keys:
                words += f", PARTITION_BY ({', '.join(map(quoted, keys))})"
            else:
                made.mkdir()
            place = made if keys else made / "0"
            copied = self._executed(
                connection, f"COPY ({query}) TO {literal(str(place))} ({words})"
            )
            count = copied.fetchone()[0]
        ending = ".gz" if compression == "GZIP" and kind != "PARQUET" else ""
        stamp = uuid4().hex[:20]
        written = []
        for number, file in enumerate(sorted(p for p in made.rglob("*") if p.is_file())):
            inner = file.parent.relative_to(made).as_posix()
            folder = "" if inner == "." else f"{inner.replace('=NULL', f'={tables.NULL_FOLDER}')}/"
            name = f"{stamp}_{number:05d}_{uuid4()}{ending}"
            if count:
                written.append((bucket, f"{prefix}{folder}{name}", file))
        return Outcome("DML", ["rows"], ["bigint"], [[count]], scanned, written), columns

    def _new_partitions(
        self,
        described: JsonObject,
        written: Sequence[tuple[str, str, Path]],
        known: Sequence[Sequence[str | None]],
    ) -> list[JsonObject]:
        keys = [key["Name"] for key in described.get("PartitionKeys") or []]
        if not keys:
            return []
        storage = described["StorageDescriptor"]
        found = {
            tables.values_in(key, keys): f"s3://{bucket}/{key.rpartition('/')[0]}/"
            for bucket, key, _ in written
        }
        return [
            {"Values": list(values), "StorageDescriptor": {**storage, "Location": location}}
            for values, location in found.items()
            if values is not None and list(values) not in [list(one) for one in known]
        ]

    # --- statements about the catalog ---------------------------------------------------------

    def _repair(self, statement: Statement, _: Sequence[str], database: str, __: str) -> Outcome:
        database, name = self._named(statement.name, database)
        table = self._table(database, name)
        keys = [key for key, _ in table.keys]
        bucket, prefix = tables.bucket_and_prefix(table.location)
        self.rights("s3:ListBucket", f"arn:aws:s3:::{bucket}")
        names = [key[len(prefix) :] for key in self.store.sizes(bucket, prefix)]
        found = {values for n in names if keys and (values := tables.values_in(n, keys))}
        missing = sorted(found - {part.values for part in table.parts})
        if missing:
            self._ask("glue:BatchCreatePartition", database, name)
        folders = ["/".join(f"{k}={v}" for k, v in zip(keys, one, strict=True)) for one in missing]
        self.catalog.add_partitions(
            database,
            name,
            [
                {
                    "Values": list(values),
                    "StorageDescriptor": {
                        **table.storage,
                        "Location": f"{table.location}{folder}/",
                    },
                }
                for values, folder in zip(missing, folders, strict=True)
            ],
        )
        rows = [[f"Repair: Added partition to metastore {name}:{folder}"] for folder in folders]
        return Outcome("DDL", ["result"], ["string"], [[*row] for row in rows])

    def _show(self, statement: Statement, _: Sequence[str], database: str, __: str) -> Outcome:
        pattern = statement.text.replace("%", "*") or "*"
        name = statement.name.strip('"`')
        if statement.target in ("DATABASES", "SCHEMAS"):
            self.rights("glue:GetDatabases", f"arn:aws:glue:{self.place}:catalog")
            found = self.catalog.databases()
            title = "database_name"
        elif statement.target == "TABLES":
            database = name or database
            self._ask("glue:GetTables", database, "*")
            found = self.catalog.tables(database)
            title = "tab_name"
        else:
            database, name = self._named(statement.name, database)
            table = self._table(database, name)
            keys = [key for key, _ in table.keys]
            if statement.target == "COLUMNS":
                found, title = [n for n, _ in [*table.columns, *table.keys]], "field"
            elif not keys:
                raise QueryFailed(f"FAILED: Table {database}.{name} is not a partitioned table")
            else:
                folders = [zip(keys, part.values, strict=True) for part in table.parts]
                found = ["/".join(f"{k}={v}" for k, v in one) for one in folders]
                title = "partition"
        rows = [[one] for one in sorted(found) if fnmatch.fnmatch(one, pattern)]
        return Outcome("UTILITY", [title], ["string"], rows)

    def _describe(self, statement: Statement, _: Sequence[str], database: str, __: str) -> Outcome:
        table = self._table(*self._named(statement.name, database))
        rows = [[name, kind, ""] for name, kind in [*table.columns, *table.keys]]
        columns = ["col_name", "data_type", "comment"]
        return Outcome("UTILITY", columns, ["string"] * 3, rows)

    # --- parts --------------------------------------------------------------------------------

    def _named(self, text: str, database: str) -> tuple[str, str]:
        names = [part.strip('"`').lower() for part in text.split(".")]
        return (names[-2] if len(names) > 1 else database), names[-1]

    def _ask(self, action: str, database: str, name: str) -> None:
        for arn in tables.arns(self.place, database, name):
            self.rights(action, arn)

    def _table(self, database: str, name: str) -> Table:
        self._ask("glue:GetTable", database, name)
        table = tables.found_table(self.catalog, database, name)
        if table.keys:
            self._ask("glue:GetPartitions", database, name)
        return table

    def _prepared(
        self, text: str, parameters: Sequence[str], database: str
    ) -> tuple[Any, str, int]:
        """Return a connection that has the tables of a query, the query, and the bytes it scans."""
        import duckdb
        from sqlglot import exp

        tree = bound(parsed(text), parameters)
        named = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
        references: dict[tuple[str, str], list[Any]] = {}
        for one in tree.find_all(exp.Table):
            if (not one.db and one.name.lower() in named) or not one.name:
                continue
            one.set("catalog", None)
            place = (one.db or database).lower()
            references.setdefault((place, one.name.lower()), []).append(one)
        connection = duckdb.connect(":memory:", config={"threads": 2})
        try:
            connection.execute("SET autoinstall_known_extensions = false")
            # It would make a cast that fails, of a text in a file, an error instead of null.
            connection.execute("SET disabled_optimizers = 'type_pushdown'")
            scanned = 0
            for number, (key, places) in enumerate(references.items()):
                table = self._table(*key)
                chosen = chosen_parts(connection, table, places)
                folder = self.folder / f"table-{number}"
                lower = table.format == "json"
                files = tables.fetched(self.store, self.rights, chosen, folder, lower)
                tables.define(connection, table, files)
                scanned += len(places) * scanned_bytes(connection, table, files, tree)
            if self.most_bytes and scanned > self.most_bytes:
                raise LimitExceeded
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(database)}")
            connection.execute(f"SET schema = {literal(f'memory.{quoted(database)}')}")
            # From here on no file can be read but those of the tables.
            connection.execute(f"SET allowed_directories = [{literal(str(self.folder))}]")
            connection.execute("SET enable_external_access = false")
        except BaseException as error:
            connection.close()
            if isinstance(error, duckdb.Error):
                raise QueryFailed(f"HIVE_BAD_DATA: {error}") from None
            raise
        return connection, with_names(tree).sql(dialect="duckdb"), scanned

    def _executed(self, connection: Any, query: str) -> Any:
        import duckdb

        try:
            return connection.execute(query)
        except duckdb.BinderException as error:
            raise QueryFailed(f"COLUMN_NOT_FOUND: {error}") from None
        except (duckdb.ParserException, duckdb.CatalogException) as error:
            raise QueryFailed(f"FUNCTION_NOT_FOUND: {error}") from None
        except duckdb.ConversionException as error:
            raise QueryFailed(f"INVALID_CAST_ARGUMENT: {error}") from None
        except duckdb.Error as error:
            raise QueryFailed(f"HIVE_BAD_DATA: {error}") from None


def chosen_parts(connection: Any, table: Table, places: Sequence[Any]) -> list[Part]:
    """Return the parts of a table that the conditions on its partition keys leave.

    Parameters
    ----------
    connection
        DuckDB, which evaluates the conditions.
    table
        The table.
    places
        Where the query names it; a part is left out if each place excludes it.
    """
    if not table.keys or not table.parts:
        return list(table.parts)
    names = [quoted(name) for name, _ in table.keys]
    columns = ", ".join(f"{n} VARCHAR" for n in names)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE parts (number INTEGER, {columns})")
    marks = ", ".join(["unnest(?)"] * (1 + len(names)))
    rows = [[number, *part.values] for number, part in enumerate(table.parts)]
    connection.execute(
        f"INSERT INTO parts SELECT {marks}",
        [list(column) for column in zip(*rows, strict=True)],
    )
    kept: set[int] = set()
    for place in places:
        condition = " AND ".join(conditions(table, place)) or "TRUE"
        typed = ", ".join(
            f"CAST({quoted(n)} AS {duckdb_type(t)}) AS {quoted(n)}" for n, t in table.keys
        )
        found = connection.execute(
            f"SELECT number FROM (SELECT number, {typed} FROM parts) AS p WHERE {condition}"  # noqa: S608
        )
        kept |= {row[0] for row in found.fetchall()}
    return [part for number, part in enumerate(table.parts) if number in kept]


def conditions(table: Table, place: Any) -> list[str]:
    """Return the conditions of a query that are about nothing but a table's partition keys."""
    from sqlglot import exp

    select = place.find_ancestor(exp.Select)
    where = select.args.get("where") if select else None
    if where is None:
        return []
    keys = {name for name, _ in table.keys}
    alias = place.alias_or_name.lower()
    whole = where.this
    each = list(whole.flatten()) if isinstance(whole, exp.And) else [whole]
    found = []
    for one in each:
        one = one.unnest()
        columns = list(one.find_all(exp.Column))
        own = all(c.name.lower() in keys and c.table.lower() in ("", alias) for c in columns)
        if columns and own and not one.find(exp.Query):
            copied = one.copy()
            for column in copied.find_all(exp.Column):
                column.set("table", None)
                column.set("db", None)
            found.append(f"({copied.sql(dialect='duckdb')})")
    return found


def scanned_bytes(
    connection: Any, table: Table, files: Sequence[tuple[str, Part, int]], tree: Any
) -> int:
    """Return the bytes that Athena reads of some files: all, or the columns of Parquet it needs."""
    from sqlglot import exp

    if table.format != "parquet" or not files or tree.find(exp.Star):
        return sum(size for _, _, size in files)
    used = {column.name.lower() for column in tree.find_all(exp.Column)}
    # A field of a column that is a structure looks like a column of a table.
    used |= {column.table.lower() for column in tree.find_all(exp.Column)}
    wanted = [name for name, _ in table.columns if name in used]
    paths = ", ".join(literal(path) for path, _, _ in files)
    found = connection.execute(
        "SELECT coalesce(sum(total_compressed_size), 0) FROM parquet_metadata([" + paths + "]) "  # noqa: S608
        "WHERE lower(split_part(path_in_schema, ', ', 1)) IN "
        f"({', '.join(map(literal, wanted)) or 'NULL'})"
    )
    return int(found.fetchone()[0])


def with_names(tree: Any) -> Any:
    """Return a query whose columns without a name have Athena's: ``_col0``."""
    from sqlglot import exp

    if isinstance(tree, exp.Select):
        tree.set(
            "expressions",
            [
                one
                if isinstance(one, exp.Alias | exp.Column | exp.Star | exp.Dot)
                else exp.alias_(one, f"_col{number}")
                for number, one in enumerate(tree.expressions)
            ],
        )
    return tree


def format_of(options: Any) -> tuple[str, str]:
    """Return the format and the compression that options ask for.

    Raises
    ------
    QueryFailed
        When they are not supported.
    """
    kind = str(options.get("format", "PARQUET")).upper()
    if kind not in CLASSES:
        raise QueryFailed(f"NOT_SUPPORTED: Files of the format {kind} cannot be written here")
    compression = str(options.get("compression", DEFAULT_COMPRESSION)).upper()
    if compression not in COMPRESSIONS[kind]:
        raise QueryFailed(
            f"INVALID_TABLE_PROPERTY: Compression {compression} is not supported for {kind}"
        )
    return kind, compression


def copy_options(kind: str, compression: str, options: Any) -> str:
    """Return the options of DuckDB's COPY."""
    packed = {"NONE": "uncompressed"}.get(compression, compression.lower())
    if kind == "PARQUET":
        return f"FORMAT parquet, COMPRESSION {packed}"
    if kind == "JSON":
        return f"FORMAT json, COMPRESSION {packed}"
    mark = options.get("field_delimiter") or tables.CTRL_A
    return (
        f"FORMAT csv, HEADER false, DELIMITER {literal(mark)}, QUOTE '', ESCAPE '', "
        f"NULLSTR '\\N', COMPRESSION {packed}"
    )


def table_input(
    name: str,
    location: str,
    kind: str,
    columns: Sequence[tuple[str, str]],
    keys: Sequence[str],
    delimiter: str,
) -> JsonObject:
    """Return Glue's description of a table that a query made; types are DuckDB's."""
    wanted = [{"Name": n, "Type": hive_type(t)} for n, t in columns]
    read_by, written_by, serde = CLASSES[kind]
    marks = {"field.delim": delimiter} if kind == "TEXTFILE" else {}
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE"},
        "PartitionKeys": [one for one in wanted if one["Name"] in keys],
        "StorageDescriptor": {
            "Columns": [one for one in wanted if one["Name"] not in keys],
            "Location": location,
            "InputFormat": read_by,
            "OutputFormat": written_by,
            "SerdeInfo": {"SerializationLibrary": serde, "Parameters": marks},
        },
    }
