"""From a run of AppFlow to a table that has its records."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ops.executions.events import Event
from ops.flows.appflow_catalog import query
from tests.flows.appflow_catalog.support.catalog import (
    DATABASE,
    MACHINE,
    Catalog,
    campaigns,
    now,
    table_of,
    tickets,
)
from tests.support.platform import Platform

SINGLE = {"aggregationType": "SingleFile"}
SEVERAL = {"aggregationType": "None"}
NAMES = ("id", "reply_minutes", "satisfaction")


@pytest.fixture(scope="module")
def catalog(platform: Platform) -> Iterator[Catalog]:
    running = Catalog(platform.settings)
    yield running
    running.forget_failures()


@pytest.mark.parametrize("file_type", ["CSV", "JSON", "PARQUET"])
@pytest.mark.parametrize("aggregation", [SINGLE, SEVERAL], ids=["single", "several"])
def test_the_records_of_two_runs_are_in_the_table(
    catalog: Catalog, file_type: str, aggregation: dict[str, str]
) -> None:
    catalog.forget("tickets")
    more = {"preserveSourceDataTyping": True, "prefixConfig": {}}
    # A folder that no earlier test has written to.
    place = [
        {
            "connectorType": "S3",
            "destinationConnectorProperties": {
                "S3": {
                    "bucketName": catalog.output["buckets"]["data"]["name"],
                    "bucketPrefix": uuid.uuid4().hex,
                    "s3OutputFormatConfig": {},
                }
            },
        }
    ]
    with catalog.changed(
        "tickets",
        destinationFlowConfigList=place,
        fileType=file_type,
        aggregationConfig=aggregation,
        **more,
    ):
        first = catalog.transfer("tickets", tickets("a", "b"), tickets("c"))
        first_end, states = catalog.cataloged(first)
        second = catalog.transfer("tickets", tickets("d"))
        second_end, _ = catalog.cataloged(second)

    assert (first_end.status, second_end.status) == ("SUCCEEDED", "SUCCEEDED"), first_end
    assert "CreateTable" in [state.name for state in states]
    table = catalog.table("tickets")
    assert table
    assert table["Parameters"]["classification"] == file_type.lower()
    found = catalog.partitions("tickets")
    shared = aggregation == SINGLE
    assert set(found) == ({table_of("tickets")} if shared else {first, second})
    rows = sorted(row for one in found.values() for row in catalog.rows(one, *NAMES))
    assert rows == [(letter, 12, 5) for letter in "abcd"]
    text = "SELECT id, reply_minutes, satisfaction FROM {prefix}_tickets ORDER BY id"
    assert query(catalog.deployed, text)[1:] == [[letter, "12", "5"] for letter in "abcd"]
    answers = [end.answer or {} for end in (first_end, second_end)]
    assert [answer["records"] for answer in answers] == [3, 1]


def test_a_report_that_comes_twice_changes_nothing(catalog: Catalog) -> None:
    run = catalog.transfer("campaigns", campaigns("a"))
    detail = catalog.event_of(run)
    before = catalog.table("campaigns"), catalog.partitions("campaigns")

    [event] = catalog.publish(detail)
    execution, states = catalog.ended(event)

    assert execution.status == "SUCCEEDED"
    assert {"CreateTable", "UpdateTable"}.isdisjoint(states)
    assert (catalog.table("campaigns"), catalog.partitions("campaigns").keys()) == (
        before[0],
        before[1].keys(),
    )


def test_runs_that_fail_or_are_empty_leave_the_table_alone(catalog: Catalog) -> None:
    catalog.forget("tickets")

    empty = catalog.transfer("tickets", tickets())
    end, states = catalog.cataloged(empty)
    assert (end.status, end.answer and end.answer["outcome"]) == ("SUCCEEDED", "noRecords")
    broken = catalog.transfer("tickets", tickets("a").replace(",12,", ",soon,"))
    failed, _ = catalog.cataloged(broken)

    assert catalog.run_ended(broken)["executionStatus"] == "Error"
    assert (failed.status, failed.answer and failed.answer["outcome"]) == ("SUCCEEDED", "runFailed")
    assert [state.name for state in states][-1] == "NothingToCatalog"
    assert catalog.table("tickets") is None


def with_field(tasks: list[dict[str, Any]], name: str, kind: str) -> list[dict[str, Any]]:
    """Return tasks that map one field more, after the others."""
    field = {
        "sourceFields": [name],
        "destinationField": name,
        "taskType": "Map",
        "connectorOperator": {"S3": "NO_OP"},
        "taskProperties": {"DESTINATION_DATA_TYPE": kind, "SOURCE_DATA_TYPE": kind},
    }
    return [*tasks, field]


def test_a_new_field_becomes_a_column_and_a_dropped_one_stays(catalog: Catalog) -> None:
    catalog.forget("tickets")
    old = catalog.transfer("tickets", tickets("a"))
    catalog.cataloged(old)
    kept = [
        task for task in catalog.tasks_of("tickets") if task.get("destinationField") != "priority"
    ]
    export = (
        tickets("b").replace("satisfaction\n", "satisfaction,agent\n").replace(",5\n", ",5,Io\n")
    )

    with catalog.changed("tickets", tasks=with_field(kept, "agent", "string")):
        new = catalog.transfer("tickets", export)
        execution, states = catalog.cataloged(new)

    assert execution.status == "SUCCEEDED"
    assert "UpdateTable" in [state.name for state in states]
    table = catalog.table("tickets")
    assert table
    columns = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
    assert {"priority", "agent"} <= set(columns)
    assert columns[-1] == "agent"
    newest = next(one for value, one in catalog.partitions("tickets").items() if new in value)
    assert catalog.rows(newest, "id", "agent") == [("b", "Io")]


def test_a_column_with_another_type_waits_for_an_operator(catalog: Catalog) -> None:
    catalog.forget("tickets")
    catalog.cataloged(catalog.transfer("tickets", tickets("a")))
    before = catalog.table("tickets")
    tasks = [
        {**task, "taskProperties": {"DESTINATION_DATA_TYPE": "string"}}
        if task.get("destinationField") == "satisfaction"
        else task
        for task in catalog.tasks_of("tickets")
    ]

    with catalog.changed("tickets", tasks=tasks):
        execution, _ = catalog.cataloged(catalog.transfer("tickets", tickets("b")))

    assert (execution.status, execution.error) == ("FAILED", "IncompatibleTable")
    message = catalog.failed_message(execution)
    assert "The type of satisfaction changed" in message["error"]["cause"]
    assert catalog.table("tickets") == before


def test_a_flow_that_does_not_write_to_s3_waits_for_an_operator(catalog: Catalog) -> None:
    redshift = {
        "connectorType": "Redshift",
        "destinationConnectorProperties": {
            "Redshift": {"object": "o", "intermediateBucketName": "flowbridge-elsewhere"}
        },
    }
    detail = catalog.event_of(catalog.transfer("campaigns", campaigns("a")))

    with catalog.changed("campaigns", destinationFlowConfigList=[redshift]):
        [event] = catalog.publish(detail)
        execution, _ = catalog.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "IncompatibleDestination")
    assert "writes to Redshift" in catalog.failed_message(execution)["error"]["cause"]


def test_a_flow_that_maps_no_field_waits_for_an_operator(catalog: Catalog) -> None:
    every = {"taskType": "Map_all", "sourceFields": [], "connectorOperator": {"S3": "NO_OP"}}
    with catalog.changed("tickets", tasks=[every]):
        execution, _ = catalog.cataloged(catalog.transfer("tickets", tickets("a")))

    assert (execution.status, execution.error) == ("FAILED", "NoFields")


def test_a_run_whose_objects_are_missing_waits_and_can_be_redriven(catalog: Catalog) -> None:
    run = catalog.transfer("tickets", tickets("a"))
    catalog.cataloged(run)
    detail = {**catalog.event_of(run), "execution-id": str(uuid.uuid4())}

    [event] = catalog.publish(detail)
    execution, _ = catalog.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "DataMissing")
    assert not any(detail["execution-id"] in value for value in catalog.partitions("tickets"))


def test_a_refused_call_of_glue_creates_nothing(catalog: Catalog) -> None:
    """An error other than 'not found' must not count as it."""
    catalog.cataloged(catalog.transfer("tickets", tickets("a")))
    before = catalog.table("tickets")
    detail = catalog.event_of(catalog.transfer("tickets", tickets("b")))

    with catalog.retrying(MaxAttempts=1), catalog.role_without(MACHINE, "AwsSdkGlueGetTable"):
        [event] = catalog.publish(detail)
        execution, states = catalog.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "Glue.AccessDeniedException")
    assert {"CreateTable", "UpdateTable"}.isdisjoint(states)
    assert catalog.table("tickets") == before


def test_the_table_of_others_is_not_taken_over(catalog: Catalog) -> None:
    catalog.forget("campaigns")
    glue = catalog.aws.client("glue")
    made = {
        "Name": table_of("campaigns"),
        "StorageDescriptor": {
            "Columns": [{"Name": "own", "Type": "string"}],
            "Location": "s3://x/",
        },
    }
    glue.create_table(DatabaseName=DATABASE, TableInput=made)

    execution, _ = catalog.cataloged(catalog.transfer("campaigns", campaigns("a")))

    assert (execution.status, execution.error) == ("FAILED", "IncompatibleTable")
    table = catalog.table("campaigns")
    assert table
    assert [one["Name"] for one in table["StorageDescriptor"]["Columns"]] == ["own"]
    catalog.forget("campaigns")


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"flow-name": "../x", "execution-id": "1", "status": "Execution Successful"},
        {"flow-name": ["a"], "execution-id": {}, "status": None},
    ],
)
def test_an_event_that_is_no_report_is_refused(catalog: Catalog, detail: dict[str, Any]) -> None:
    example = catalog.example
    event = Event(
        1,
        example["source"],
        example["detail-type"],
        json.dumps(detail),
        tuple(example["resources"]),
    )

    execution, _ = catalog.ended(*catalog.send(event))

    assert (execution.status, execution.error) == ("FAILED", "InvalidEvent")


def test_runs_at_once_are_all_cataloged(catalog: Catalog) -> None:
    begun = now()
    catalog.forget("opportunities")
    catalog.forget("campaigns")
    head = "id,account,stage,amount,close_date,campaign_id,is_won\n"
    runs = [
        catalog.transfer("campaigns", campaigns("a", "b")),
        catalog.transfer("opportunities", head + "o,Aldama,Closed Won,10.5,2026-11-30,a,true\n"),
        catalog.transfer("tickets", tickets("t")),
    ]

    ends = [catalog.cataloged(run, begun)[0] for run in runs]

    assert {end.status for end in ends} == {"SUCCEEDED"}
    assert len(catalog.partitions("opportunities")) == 1
