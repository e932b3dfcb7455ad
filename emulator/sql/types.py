"""The types of columns in Hive's words (the Glue catalog), DuckDB's and Athena's."""

from __future__ import annotations

import re

#: By Hive's name, DuckDB's.
PRIMITIVES = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "binary": "BLOB",
    "string": "VARCHAR",
}
#: By DuckDB's name, Hive's. The catalog has no unsigned or larger integers.
HIVE = {
    **{of_duckdb: name for name, of_duckdb in PRIMITIVES.items()},
    "INTEGER": "int",
    "FLOAT": "float",
    "HUGEINT": "bigint",
    "UTINYINT": "smallint",
    "USMALLINT": "int",
    "UINTEGER": "bigint",
    "UBIGINT": "bigint",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "TIMESTAMP_NS": "timestamp",
}
#: Where Athena's name of a result's type is not Hive's.
ATHENA = {"string": "varchar", "int": "integer", "binary": "varbinary"}


def duckdb_type(hive: str) -> str:
    """Return DuckDB's type for one of the catalog.

    Examples
    --------
    >>> duckdb_type("struct<a:int,b:array<string>>")
    'STRUCT("a" INTEGER, "b" VARCHAR[])'
    """
    text = hive.strip().lower()
    name, _, rest = text.partition("<")
    inner = parts(rest.removesuffix(">"))
    if name == "array":
        return f"{duckdb_type(inner[0])}[]"
    if name == "map":
        return f"MAP({duckdb_type(inner[0])}, {duckdb_type(inner[1])})"
    if name == "struct":
        fields = (field.partition(":") for field in inner)
        return f"STRUCT({', '.join(f'{quoted(n)} {duckdb_type(t)}' for n, _, t in fields)})"
    if name.startswith("decimal"):
        return name.upper()
    return PRIMITIVES.get(name, "VARCHAR")


def hive_type(duckdb: str) -> str:
    """Return the catalog's type for one of DuckDB.

    Examples
    --------
    >>> hive_type('STRUCT("a" INTEGER, b VARCHAR[])')
    'struct<a:int,b:array<string>>'
    """
    text = duckdb.strip()
    if text.endswith("[]"):
        return f"array<{hive_type(text[:-2])}>"
    if text.startswith("MAP("):
        return f"map<{','.join(map(hive_type, parts(text[4:-1])))}>"
    if text.startswith("STRUCT("):
        fields = (re.fullmatch(r'("[^"]*"|\S+)\s+(.*)', field) for field in parts(text[7:-1]))
        named = ((f[1].strip('"').lower(), hive_type(f[2])) for f in fields if f)
        return f"struct<{','.join(f'{name}:{kind}' for name, kind in named)}>"
    if text.startswith("DECIMAL"):
        return text.lower().replace(" ", "")
    return HIVE.get(text, "string")


def athena_type(duckdb: str) -> str:
    """Return the type of a result's column."""
    name = re.split(r"[<(]", hive_type(duckdb))[0]
    return {"struct": "row", **ATHENA}.get(name, name)


def parts(text: str) -> list[str]:
    """Return the parts of a list with commas, outside of brackets and quotes."""
    found, depth, in_quotes = [""], 0, False
    for letter in text:
        in_quotes ^= letter == '"'
        if not in_quotes:
            depth += (letter in "<(") - (letter in ">)")
        if letter == "," and depth == 0 and not in_quotes:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found]


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
