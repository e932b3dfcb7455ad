"""Tables follow from what AppFlow says of a flow, for every format, type and path."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.appflow_catalog.support.expressions import evaluate

RUN = {
    "flow": "Sales-Orders",
    "execution": "e-1",
    "status": "Execution Successful",
    "records": 3,
    "startedAt": "2026-11-30T23:59:07.000Z[UTC]",
}
CSV = {"FileType": "CSV"}


def detail(**changes: Any) -> dict[str, Any]:
    given = {
        "flow-name": "Sales-Orders",
        "execution-id": "e-1",
        "status": "Execution Successful",
        "num-of-records-processed": "3",
        "start-time": "2026-11-30T23:59:07.000Z[UTC]",
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def described(types: dict[str, str], *kinds: str, **output: Any) -> dict[str, Any]:
    """Return what DescribeFlow answers: a flow to S3 with fields of these types."""
    fields = [
        {
            "TaskType": "Map",
            "SourceFields": [name],
            "DestinationField": name,
            "TaskProperties": {"SOURCE_DATA_TYPE": "string", "DESTINATION_DATA_TYPE": kind},
        }
        for name, kind in types.items()
    ]
    others = [{"ConnectorType": kind, "DestinationConnectorProperties": {}} for kind in kinds]
    s3 = {"BucketName": "data", "BucketPrefix": "crm/", "S3OutputFormatConfig": output}
    in_s3 = {"ConnectorType": "S3", "DestinationConnectorProperties": {"S3": s3}}
    return {
        "FlowName": "Sales-Orders",
        "SchemaVersion": 4,
        "DestinationFlowConfigList": [*others, in_s3],
        "Tasks": [{"TaskType": "Filter", "SourceFields": list(types)}, *fields],
    }


def target(types: dict[str, str], *kinds: str, **output: Any) -> Any:
    return evaluate("target", run=RUN, states={"result": described(types, *kinds, **output)})


def table(types: dict[str, str], *kinds: str, **output: Any) -> Any:
    return evaluate("table", run=RUN, target=target(types, *kinds, **output))


@pytest.mark.parametrize(
    ("changes", "is_valid"),
    [
        ({}, True),
        ({"num-of-records-processed": 3}, True),
        ({"num-of-records-processed": None, "start-time": None}, True),
        ({"flow-name": None}, False),
        ({"flow-name": "../other"}, False),
        ({"flow-name": 7}, False),
        ({"execution-id": "a/b"}, False),
        ({"execution-id": None}, False),
        ({"status": None}, False),
        ({"num-of-records-processed": "many"}, False),
    ],
)
def test_only_a_report_of_a_run_is_taken(changes: dict[str, Any], is_valid: bool) -> None:
    states = {"input": {"detail": detail(**changes), "time": "2026-11-30T00:00:00Z"}}

    assert evaluate("valid", states=states) is is_valid


def test_an_event_without_a_detail_is_refused() -> None:
    assert evaluate("valid", states={"input": {}}) is False


@pytest.mark.parametrize(
    ("changes", "has_records"),
    [
        ({}, True),
        ({"status": "Execution Failed"}, False),
        ({"num-of-records-processed": "0"}, False),
        ({"num-of-records-processed": "00"}, False),
        ({"num-of-records-processed": None}, False),
    ],
)
def test_runs_that_failed_or_were_empty_change_nothing(
    changes: dict[str, Any], has_records: bool
) -> None:
    states = {"input": {"detail": detail(**changes), "time": "2026-11-30T00:00:00Z"}}

    assert evaluate("has_records", run=evaluate("run", states=states)) is has_records


def test_the_types_are_those_of_the_destination_in_glue() -> None:
    types = {
        "A": "boolean",
        "b": "byte",
        "c": "short",
        "d": "integer",
        "e": "long",
        "f": "float",
        "g": "double",
        "h": "decimal",
        "i": "date",
        "j": "timestamp",
        "k": "Picklist",
        "l": "int",
    }

    columns = table(types, **CSV)["columns"]

    assert {column["Name"]: column["Type"] for column in columns} == {
        "a": "boolean",
        "b": "tinyint",
        "c": "smallint",
        "d": "int",
        "e": "bigint",
        "f": "float",
        "g": "double",
        "h": "decimal(38,9)",
        "i": "date",
        "j": "timestamp",
        "k": "string",
        "l": "int",
    }


def test_parquet_that_keeps_no_types_has_text() -> None:
    plain = table({"a": "long"}, FileType="PARQUET")
    typed = table({"a": "long"}, FileType="PARQUET", PreserveSourceDataTyping=False)
    kept = table({"a": "long"}, FileType="PARQUET", PreserveSourceDataTyping=True)

    assert [one["columns"][0]["Type"] for one in (plain, typed, kept)] == [
        "string",
        "string",
        "bigint",
    ]


@pytest.mark.parametrize("file_type", ["CSV", "JSON", "PARQUET"])
def test_every_format_has_the_same_place(file_type: str) -> None:
    found = table({"a": "string"}, FileType=file_type)

    assert found["location"] == "s3://data/crm/Sales-Orders/"
    assert (found["keys"], found["partition"]) == ("crm/Sales-Orders/e-1/", "e-1")
    assert found["name"] == "sales_orders"


@pytest.mark.parametrize(
    ("output", "folder"),
    [
        ({"AggregationConfig": {"AggregationType": "None"}}, "e-1"),
        ({"AggregationConfig": {"AggregationType": "SingleFile"}}, ""),
        ({"PrefixConfig": {"PrefixType": "PATH", "PrefixFormat": "DAY"}}, "2026/11/30/e-1"),
        ({"PrefixConfig": {"PrefixType": "FILENAME", "PrefixFormat": "DAY"}}, "e-1"),
        ({"PrefixConfig": {"PathPrefixHierarchy": ["SCHEMA_VERSION"]}}, "4"),
        (
            {
                "PrefixConfig": {
                    "PrefixType": "PATH_AND_FILENAME",
                    "PrefixFormat": "MINUTE",
                    "PathPrefixHierarchy": ["SCHEMA_VERSION", "EXECUTION_ID"],
                }
            },
            "4/2026/11/30/23/59/e-1",
        ),
        (
            {
                "PrefixConfig": {"PrefixType": "PATH", "PrefixFormat": "YEAR"},
                "AggregationConfig": {"AggregationType": "SingleFile"},
            },
            "2026",
        ),
    ],
)
def test_a_partition_is_the_folder_of_the_run(output: dict[str, Any], folder: str) -> None:
    found = table({"a": "string"}, FileType="JSON", **output)

    assert found["keys"] == f"crm/Sales-Orders/{folder}/".replace("//", "/")
    assert found["partition"] == (folder or "sales_orders")


def test_the_destination_in_s3_may_be_any_of_several() -> None:
    assert target({"a": "string"}, "Redshift", "EventBridge")["bucket"] == "data"


def test_a_flow_without_s3_names_its_destinations() -> None:
    answer = described({"a": "string"}, "Redshift", "EventBridge")
    answer["DestinationFlowConfigList"].pop()

    found = evaluate("target", run=RUN, states={"result": answer})

    assert found == {"bucket": "", "destinations": "Redshift, EventBridge"}


def change(
    known: dict[str, str], new: dict[str, str], file_type: str = "JSON", **more: Any
) -> dict[str, Any]:
    """Return how a table of some columns changes by a flow of other ones."""
    columns = [{"Name": name, "Type": kind} for name, kind in known.items()]
    parameters = {"appflowFlow": "Sales-Orders", "classification": file_type.lower(), **more}
    answer = {
        "Table": {
            "Parameters": parameters,
            "StorageDescriptor": {"Columns": columns, "Location": "s3://data/crm/Sales-Orders/"},
        }
    }
    aim = target(new, FileType=file_type)
    found = evaluate(
        "change",
        run=RUN,
        target=aim,
        table=evaluate("table", run=RUN, target=aim),
        states={"result": answer},
    )
    return {**found, "columns": [column["Name"] for column in found["columns"]]}


def test_the_same_columns_change_nothing() -> None:
    found = change({"a": "string", "b": "bigint"}, {"a": "string", "b": "long"})

    assert found == {"problem": "", "columns": ["a", "b"], "isSame": True}


def test_new_columns_are_added_and_dropped_ones_stay() -> None:
    found = change({"a": "string", "b": "bigint"}, {"c": "string", "a": "string"})

    assert found == {"problem": "", "columns": ["a", "b", "c"], "isSame": False}


def test_another_type_is_refused() -> None:
    found = change({"a": "string"}, {"a": "long"})

    assert found["problem"].startswith("The type of a changed.")


@pytest.mark.parametrize("new", [{"b": "string"}, {"b": "string", "a": "string"}])
def test_columns_of_csv_keep_their_places(new: dict[str, str]) -> None:
    known = {"a": "string", "b": "string"}

    assert change(known, new, "CSV")["problem"].startswith("CSV files have no a")
    assert change(known, {**known, "c": "string"}, "CSV")["columns"] == ["a", "b", "c"]


def test_the_table_of_another_flow_is_left_alone() -> None:
    other = change({"a": "string"}, {"a": "string"}, appflowFlow="sales.orders")
    foreign = change({"a": "string"}, {"a": "string"}, appflowFlow=None)

    for found in (other, foreign):
        assert found["problem"].startswith("The table sales_orders is not of the flow Sales-Orders")


@pytest.mark.parametrize(
    ("file_type", "serde"),
    [("CSV", "LazySimpleSerDe"), ("JSON", "JsonSerDe"), ("PARQUET", "ParquetHiveSerDe")],
)
def test_glue_reads_each_format_in_its_way(file_type: str, serde: str) -> None:
    aim = target({"a": "string"}, FileType=file_type)
    found = evaluate("table", run=RUN, target=aim)
    variables = {"run": RUN, "target": aim, "table": found, "columns": found["columns"]}
    variables["format"] = evaluate("format", **variables)

    made = evaluate("table_input", **variables)
    partition = evaluate("partition_input", **variables)

    for description in (made["StorageDescriptor"], partition["StorageDescriptor"]):
        assert description["SerdeInfo"]["SerializationLibrary"].endswith(serde)
        assert description["Columns"] == [{"Name": "a", "Type": "string"}]
    assert made["Parameters"]["classification"] == file_type.lower()
    assert partition["Values"] == ["e-1"]
    assert partition["StorageDescriptor"]["Location"] == "s3://data/crm/Sales-Orders/e-1/"
