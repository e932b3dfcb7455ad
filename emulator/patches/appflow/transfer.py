"""Plan a run of a flow: its fields with their types, and the keys that it writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emulator.sql.types import literal, quoted

Flow = Mapping[str, Any]

#: AppFlow's types of fields, in SQL; any other is text.
TYPES = {
    "boolean": "BOOLEAN",
    "byte": "TINYINT",
    "short": "SMALLINT",
    "int": "INTEGER",
    "integer": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "decimal": "DECIMAL(38, 9)",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
TEXT = "VARCHAR"
#: The parts of a run's time in its path, by ``prefixFormat``.
DATES = {
    "YEAR": "%Y",
    "MONTH": "%Y/%m",
    "DAY": "%Y/%m/%d",
    "HOUR": "%Y/%m/%d/%H",
    "MINUTE": "%Y/%m/%d/%H/%M",
}
#: The tasks that this AppFlow carries out: their types and operators.
TASKS = {("Filter", "PROJECTION"), ("Map", "NO_OP"), ("Map_all", "NO_OP")}
WRITTEN = {
    "CSV": "FORMAT csv, HEADER",
    "JSON": "FORMAT json",
    "PARQUET": "FORMAT parquet, COMPRESSION snappy",
}


@dataclass(frozen=True)
class Field:
    """A field that is copied: its name in the source and in the destination, and its SQL type."""

    source: str
    destination: str
    type: str


def unknown_tasks(flow: Flow) -> list[str]:
    """Return the tasks of a flow that this AppFlow cannot carry out."""
    asked = [
        (task["taskType"], operator)
        for task in flow["tasks"]
        for operator in (task.get("connectorOperator") or {"S3": "NO_OP"}).values()
    ]
    return [" ".join(task) for task in asked if task not in TASKS]


def fields_of(flow: Flow) -> list[Field]:
    """Return the fields that a flow maps, in the order of its tasks; empty for all of them."""
    is_text = format_of(flow) == "CSV" or keeps_no_types(flow)
    return [
        Field(
            task["sourceFields"][0],
            task["destinationField"],
            TEXT if is_text else TYPES.get(type_of(task), TEXT),
        )
        for task in flow["tasks"]
        if task["taskType"] == "Map"
    ]


def type_of(task: Mapping[str, Any]) -> str:
    """Return AppFlow's name of the type that a task gives its field."""
    given = task.get("taskProperties") or {}
    return str(given.get("DESTINATION_DATA_TYPE") or given.get("SOURCE_DATA_TYPE") or "").lower()


def destination_of(flow: Flow) -> Mapping[str, Any]:
    """Return what the flow says of its destination in S3."""
    found: Mapping[str, Any] = flow["destinationFlowConfigList"][0][
        "destinationConnectorProperties"
    ]["S3"]
    return found


def output_of(flow: Flow) -> Mapping[str, Any]:
    """Return the settings of the files that a flow writes."""
    found: Mapping[str, Any] = destination_of(flow).get("s3OutputFormatConfig") or {}
    return found


def format_of(flow: Flow) -> str:
    """Return CSV, JSON or PARQUET."""
    return str(output_of(flow).get("fileType") or "JSON")


def is_single(flow: Flow) -> bool:
    """Return whether all records of a run become one file."""
    return bool(
        (output_of(flow).get("aggregationConfig") or {}).get("aggregationType") == "SingleFile"
    )


def keeps_no_types(flow: Flow) -> bool:
    """Return whether a Parquet file has text alone."""
    return format_of(flow) == "PARQUET" and not output_of(flow).get("preserveSourceDataTyping")


def folder_of(flow: Flow, run: str, begin: datetime) -> str:
    """Return the beginning of the keys that a run writes, with a slash at its end."""
    paths = output_of(flow).get("prefixConfig") or {}
    hierarchy = paths.get("pathPrefixHierarchy")
    has_run = "EXECUTION_ID" in hierarchy if hierarchy else not is_single(flow)
    has_date = str(paths.get("prefixType", "")).startswith("PATH")
    parts = [
        (destination_of(flow).get("bucketPrefix") or "").strip("/"),
        flow["flowName"],
        str(flow["schemaVersion"]) if "SCHEMA_VERSION" in (hierarchy or ()) else "",
        begin.strftime(DATES[paths["prefixFormat"]]) if has_date else "",
        run if has_run else "",
    ]
    return "".join(f"{part}/" for part in parts if part)


def query(source_format: str, fields: Sequence[Field], files: Sequence[str]) -> str:
    """Return the SQL that reads the records of files, with the fields of the destination."""
    listed = ", ".join(literal(file) for file in files)
    options = "union_by_name = true"
    reader = (
        f"read_csv([{listed}], header = true, all_varchar = true, {options})"
        if source_format == "CSV"
        else f"read_json([{listed}], format = 'newline_delimited', {options})"
    )
    chosen = [
        # CSV has no empty values but empty text.
        f"CAST({filled(field, source_format)} AS {field.type}) AS {quoted(field.destination)}"
        for field in fields
    ]
    return f"SELECT {', '.join(chosen) or '*'} FROM {reader}"  # noqa: S608  names are quoted


def filled(field: Field, source_format: str) -> str:
    """Return the SQL of a field, which is null where a type other than text has no value."""
    column = quoted(field.source)
    return f"NULLIF({column}, '')" if source_format == "CSV" and field.type != TEXT else column


def copy(select: str, file: str, file_format: str) -> str:
    """Return the SQL that writes the rows of a query to a file."""
    return f"COPY ({select}) TO {literal(file)} ({WRITTEN[file_format]})"
