"""AppFlow's runs: which SQL reads the records, and where they go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.patches.appflow import transfer
from emulator.patches.appflow.service import AppFlow
from emulator.services import without_operation

BEGIN = datetime(2026, 11, 30, 9, 5, tzinfo=UTC)


def flow(*tasks: dict[str, Any], **output: Any) -> dict[str, Any]:
    s3 = {"bucketName": "data", "bucketPrefix": "crm/", "s3OutputFormatConfig": output}
    return {
        "flowName": "orders",
        "schemaVersion": 3,
        "destinationFlowConfigList": [
            {"connectorType": "S3", "destinationConnectorProperties": {"S3": s3}}
        ],
        "tasks": list(tasks),
    }


def field(name: str, kind: str, operator: str = "NO_OP") -> dict[str, Any]:
    return {
        "sourceFields": [name],
        "destinationField": f"to_{name}",
        "taskType": "Map",
        "connectorOperator": {"S3": operator},
        "taskProperties": {"SOURCE_DATA_TYPE": kind},
    }


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ({"fileType": "CSV"}, "VARCHAR"),
        ({"fileType": "JSON"}, "BIGINT"),
        ({"fileType": "PARQUET"}, "VARCHAR"),
        ({"fileType": "PARQUET", "preserveSourceDataTyping": True}, "BIGINT"),
    ],
)
def test_a_field_is_typed_where_the_format_keeps_types(output: dict[str, Any], kind: str) -> None:
    [found] = transfer.fields_of(flow(field("a", "long"), **output))

    assert found == transfer.Field("a", "to_a", kind)


@pytest.mark.parametrize(
    ("output", "folder"),
    [
        ({}, "crm/orders/r/"),
        ({"aggregationConfig": {"aggregationType": "SingleFile"}}, "crm/orders/"),
        (
            {"prefixConfig": {"prefixType": "PATH", "prefixFormat": "HOUR"}},
            "crm/orders/2026/11/30/09/r/",
        ),
        ({"prefixConfig": {"prefixType": "FILENAME", "prefixFormat": "HOUR"}}, "crm/orders/r/"),
        ({"prefixConfig": {"pathPrefixHierarchy": ["SCHEMA_VERSION"]}}, "crm/orders/3/"),
    ],
)
def test_a_run_writes_to_the_folder_of_its_settings(output: dict[str, Any], folder: str) -> None:
    assert transfer.folder_of(flow(**output), "r", BEGIN) == folder


def test_names_and_texts_are_quoted() -> None:
    fields = [transfer.Field('a"b', "c", "VARCHAR")]

    assert transfer.query("JSON", fields, ["it's"]) == (
        'SELECT CAST("a""b" AS VARCHAR) AS "c" '
        "FROM read_json(['it''s'], format = 'newline_delimited', union_by_name = true)"
    )


def test_a_task_that_cannot_be_done_is_named() -> None:
    assert transfer.unknown_tasks(flow(field("a", "long", "MASK_ALL"))) == ["Map MASK_ALL"]
    assert transfer.unknown_tasks(flow(field("a", "long"))) == []


def test_every_operation_is_one_of_aws() -> None:
    assert without_operation("appflow", AppFlow("http://127.0.0.1:1")) == []
