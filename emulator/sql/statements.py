"""Read the statements of Athena: what each is, its parts, and the values of its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emulator.sql.errors import QueryFailed

NAME = r'(?:"[^"]+"|`[^`]+`|[\w$]+)'
QUALIFIED = rf"{NAME}(?:\.{NAME}){{0,2}}"
EXECUTE = re.compile(rf"\s*EXECUTE\s+({NAME})(?:\s+USING\s+(.*))?\s*", re.I | re.S)
UNLOAD = re.compile(r"\s*UNLOAD\s*\((.*)\)\s*TO\s*'([^']+)'\s*(?:WITH\s*\((.*)\))?\s*", re.I | re.S)
CREATE = re.compile(
    rf"\s*CREATE\s+TABLE\s+(IF\s+NOT\s+EXISTS\s+)?({QUALIFIED})\s*"
    r"(?:WITH\s*\(((?:'(?:[^']|'')*'|[^'()]|\([^()]*\))*)\)\s*)?AS\s+(.*)",
    re.I | re.S,
)
INSERT = re.compile(rf"\s*INSERT\s+INTO\s+({QUALIFIED})\s*(\([^()]*\))?\s*(.*)", re.I | re.S)
MSCK = re.compile(rf"\s*MSCK\s+REPAIR\s+TABLE\s+({QUALIFIED})\s*", re.I)
DESCRIBE = re.compile(
    rf"\s*(?:DESCRIBE|DESC)\s+(?:FORMATTED\s+|EXTENDED\s+)?({QUALIFIED})\s*", re.I
)
SHOW = re.compile(
    r"\s*SHOW\s+(TABLES|DATABASES|SCHEMAS|PARTITIONS|COLUMNS)\s*"
    rf"(?:(?:IN|FROM)?\s*({QUALIFIED}))?\s*(?:'([^']*)')?\s*",
    re.I,
)
OPTION = re.compile(r"(\w+)\s*=\s*('(?:[^']|'')*'|ARRAY\s*\[[^\]]*\]|[\w.]+)", re.I)
ALLOWED = frozenset(
    {
        "format",
        "compression",
        "partitioned_by",
        "field_delimiter",
        "external_location",
        "write_compression",
        "parquet_compression",
        "compression_level",
        "bucketed_by",
        "bucket_count",
    }
)

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Statement:
    """One statement.

    Parameters
    ----------
    kind
        ``SELECT``, ``UNLOAD``, ``CREATE_TABLE_AS``, ``INSERT``, ``MSCK``, ``SHOW``, ``DESCRIBE``,
        or ``OTHER``.
    text
        The query in it, or all of it.
    name
        The table's name, as written.
    target
        Where UNLOAD writes to; what SHOW lists.
    options
        The options in ``WITH (...)``.
    """

    kind: str
    text: str
    name: str = ""
    target: str = ""
    options: Options = field(default_factory=dict)

    @property
    def of(self) -> str:
        """Athena's type of the statement."""
        if self.kind in ("SELECT", "UNLOAD", "INSERT"):
            return "DML"
        return "DDL" if self.kind in ("CREATE_TABLE_AS", "OTHER", "MSCK") else "UTILITY"


def executed(text: str) -> tuple[str, list[str]] | None:
    """Return the name and the parameters of an EXECUTE; nothing for another statement."""
    found = EXECUTE.fullmatch(text.strip().rstrip(";"))
    if not found:
        return None
    return found[1].strip('"`'), split(found[2] or "")


def read(text: str) -> Statement:
    """Return the statement of a text."""
    text = text.strip().rstrip(";").strip()
    if found := UNLOAD.fullmatch(text):
        return Statement("UNLOAD", found[1], target=found[2], options=options_of(found[3] or ""))
    if found := CREATE.fullmatch(text):
        made = options_of(found[3] or "")
        kind = "if not exists" if found[1] else ""
        return Statement("CREATE_TABLE_AS", found[4], found[2], kind, made)
    if found := INSERT.fullmatch(text):
        return Statement("INSERT", found[3], found[1], found[2] or "")
    if found := MSCK.fullmatch(text):
        return Statement("MSCK", text, found[1])
    if found := SHOW.fullmatch(text):
        return Statement("SHOW", found[3] or "", found[2] or "", found[1].upper())
    if found := DESCRIBE.fullmatch(text):
        return Statement("DESCRIBE", text, found[1])
    first = re.match(r"[\s(]*(\w+)", text)
    is_query = first is not None and first[1].upper() in ("SELECT", "WITH", "VALUES")
    return Statement("SELECT" if is_query else "OTHER", text)


def options_of(text: str) -> dict[str, Any]:
    """Return the options of ``WITH (...)``: texts, or lists of texts.

    Raises
    ------
    QueryFailed
        When there is an unknown one.
    """
    found: dict[str, Any] = {}
    for name, value in OPTION.findall(text):
        if name.lower() not in ALLOWED:
            raise QueryFailed(f"SYNTAX_ERROR: Unexpected property '{name.lower()}'")
        is_list = value.upper().startswith("ARRAY")
        found[name.lower()] = (
            re.findall(r"'([^']*)'", value) if is_list else value.strip("'").replace("''", "'")
        )
    return found


def split(text: str) -> list[str]:
    """Return values between commas, which may stand in quotes."""
    return [one.strip() for one in re.findall(r"(?:'(?:[^']|'')*'|[^,'])+", text)]


def bound(tree: Any, parameters: Sequence[str]) -> Any:
    """Return a parsed query with values instead of its question marks.

    A value is a literal. It becomes one node of the query, so it cannot change the query.

    Raises
    ------
    QueryFailed
        When there are more or fewer values than question marks, or one is not a literal.
    """
    from sqlglot import exp

    places = list(tree.find_all(exp.Placeholder, bfs=False))
    if len(places) != len(parameters):
        raise QueryFailed(
            f"INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected {len(places)} "
            f"but found {len(parameters)}"
        )
    for place, parameter in zip(places, parameters, strict=True):
        place.replace(literal_of(parameter))
    return tree


def literal_of(text: str) -> Any:
    """Return the node of a literal.

    Raises
    ------
    QueryFailed
        When the text is something else.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        node = sqlglot.parse_one(text, read="athena")
    except SqlglotError:
        node = None
    inner = node
    if isinstance(inner, exp.Neg | exp.Cast):
        inner = inner.this
    if node is None or not isinstance(inner, exp.Literal | exp.Boolean | exp.Null):
        raise QueryFailed(f"SYNTAX_ERROR: The parameter {text} is not a literal")
    return node


def parsed(text: str) -> Any:
    """Return a query as a tree.

    Raises
    ------
    QueryFailed
        When it is not a query of Athena.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(text, read="athena")
    except SqlglotError as error:
        raise QueryFailed(f"SYNTAX_ERROR: {str(error).splitlines()[0]}") from None
    if not isinstance(tree, exp.Query):
        raise QueryFailed(f"SYNTAX_ERROR: mismatched input: {text[:60]}")
    return tree
