"""Expectations of the catalog of AppFlow's runs in the tests of every flow."""

from __future__ import annotations

from typing import Any

from ops.executions.executions import Execution
from tests.flows.appflow_catalog.support.catalog import (
    MACHINE,
    Catalog,
    campaigns,
    table_of,
)
from tests.support.expectations import Events, Expectations, Rights, Settings, Try
from tests.support.forwarding import forwarding
from tests.support.running import RunningFlow

#: Errors of calls that the role may do.
ALLOWED = ("Glue.AlreadyExistsException", "Glue.EntityNotFoundException")
#: The states with a right of their own, by the right's statement.
STATES = {
    "AwsSdkAppflowDescribeFlow": "DescribeFlow",
    "AwsSdkS3ListObjectsV2": "FindData",
    "AwsSdkGlueGetTable": "FindTable",
    "AwsSdkGlueCreateTable": "CreateTable",
    "AwsSdkGlueUpdateTable": "UpdateTable",
    "AwsSdkGlueCreatePartition": "CreatePartition",
    "AwsSdkGlueUpdatePartition": "UpdatePartition",
}


def catalog(running: RunningFlow) -> Catalog:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Catalog)
    return running


def rights(running: RunningFlow) -> Rights:
    """Return the task that misses each right, on a table that a run made."""
    flow = catalog(running)
    flow.cataloged(flow.transfer("campaigns", campaigns("a")))
    found = flow.table("campaigns")
    assert found
    description = found["StorageDescriptor"]
    bucket, _, keys = description["Location"].removeprefix("s3://").partition("/")
    variables: dict[str, Any] = {
        "run": {"flow": flow.output["transfers"]["campaigns"], "execution": "none"},
        "target": {"bucket": bucket, "fileType": "CSV"},
        "table": {
            "name": table_of("campaigns"),
            "location": description["Location"],
            "keys": keys,
            "partition": table_of("campaigns"),
            "columns": description["Columns"],
        },
        "format": {
            "input": description["InputFormat"],
            "output": description["OutputFormat"],
            "serde": description["SerdeInfo"],
        },
        "columns": description["Columns"],
    }

    def task(state: str) -> Try:
        def error_of() -> str | None:
            error = flow.task_alone(state, variables)
            return None if error in ALLOWED else error

        return error_of

    # boto3 does not let two threads make a client.
    flow.aws.client("stepfunctions")
    return Rights(
        tries={
            **{(MACHINE, sid): task(state) for sid, state in STATES.items()},
            **forwarding(flow, lambda: flow.transfer("campaigns", campaigns("a"))),
        }
    )


def send(running: RunningFlow) -> Execution:
    """Transfer an export, and return the execution of its report."""
    flow = catalog(running)
    return flow.cataloged(flow.transfer("campaigns", campaigns("a")))[0]


NAMES = "executions make the tables, whose names follow from flows that AppFlow's users name"

EXPECTATIONS = Expectations(
    running=Catalog,
    libraries={"appflow_catalog.catch_errors": set()},
    wide={
        **{sid: NAMES for sid in STATES if "Glue" in sid},
        "ReadExports": "the applications' owners name the exports",
        "WriteRecords": "AppFlow names the objects that a run writes",
    },
    rights=rights,
    # The example reports a run without records, which is taken and changes nothing.
    events=Events(),
    send=send,
    settings=Settings(
        wrong={"transfers": {"Orders": {"format": "XML", "fields": {}}}},
        sentences=[
            "appflow_catalog.transfers: a name has up to 31",
            "appflow_catalog.transfers: format is CSV",
        ],
        required="transfers",
    ),
)
