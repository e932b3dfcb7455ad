"""The catalog of the shared environment, as those who transfer records and its operator see it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from emulator.sql.database import database_in
from emulator.sql.types import literal, quoted
from ops.executions.executions import Execution, StateRun
from ops.flows import DeployedFlow
from ops.flows.appflow_catalog import transfer
from ops.settings import LOCAL
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

FLOW = "appflow_catalog"
MACHINE = "flowbridge-local-appflow-catalog"
DATABASE = "flowbridge_local_appflow_catalog"
NEWEST = 100
#: The fields of DescribeFlow that UpdateFlow takes.
UPDATED = (
    "flowName",
    "description",
    "triggerConfig",
    "sourceFlowConfig",
    "destinationFlowConfigList",
    "tasks",
)


def table_of(name: str) -> str:
    """Return the table of a transfer."""
    return f"{DATABASE}_{name}"


@dataclass
class Catalog(RunningFlow):
    """The flow, with the transfers that start it."""

    name: str = field(default=FLOW, kw_only=True)

    @property
    def deployed(self) -> DeployedFlow:
        """The flow as its hooks get it."""
        return DeployedFlow(FLOW, LOCAL, self.aws.client, self.outputs)

    def transfer(self, name: str, *exports: str) -> str:
        """Transfer exports, each the text of an object; return the id of the run."""
        with TemporaryDirectory() as folder:
            files = []
            for number, text in enumerate(exports):
                files.append(Path(folder, f"export {number}+ü.txt"))
                files[-1].write_text(text)
            return transfer(self.deployed, name, *files)

    def run_ended(self, run: str) -> Mapping[str, Any]:
        """Return a run of AppFlow that has ended."""
        client = self.aws.client("appflow")

        def found() -> Mapping[str, Any] | None:
            for name in self.output["transfers"].values():
                records = client.describe_flow_execution_records(flowName=name)
                for one in records["flowExecutions"]:
                    if one["executionId"] == run and one["executionStatus"] != "InProgress":
                        ended: Mapping[str, Any] = one
                        return ended
            return None

        record: Mapping[str, Any] = wait_for(found, f"the end of run {run}")
        return record

    def cataloged(
        self, run: str, since: datetime | None = None
    ) -> tuple[Execution, list[StateRun]]:
        """Return the ended execution of a run, with its states."""

        def found() -> Execution | None:
            for execution in self.executions.newest(NEWEST):
                described = self.executions.describe(execution.arn)
                detail = (described.event or {}).get("detail", {})
                is_of_run = detail.get("execution-id") == run
                if is_of_run and described.is_over and (not since or described.started > since):
                    return described
            return None

        execution: Execution = wait_for(found, f"the execution of run {run}")
        return execution, self.executions.history(execution.arn)

    def event_of(self, run: str) -> dict[str, Any]:
        """Return the report of a run."""
        execution, _ = self.cataloged(run)
        detail: dict[str, Any] = (execution.event or {})["detail"]
        return detail

    @contextmanager
    def changed(self, name: str, **changes: Any) -> Iterator[None]:
        """Have a flow of AppFlow described otherwise: its tasks, or fields of its output format."""
        client = self.aws.client("appflow")
        flow = client.describe_flow(flowName=self.output["transfers"][name])
        before = {key: flow[key] for key in UPDATED}
        after = json.loads(json.dumps(before))
        after |= {key: value for key, value in changes.items() if key in UPDATED}
        for destination in after["destinationFlowConfigList"]:
            if s3 := destination["destinationConnectorProperties"].get("S3"):
                s3["s3OutputFormatConfig"] |= {
                    key: value for key, value in changes.items() if key not in UPDATED
                }
        client.update_flow(**after)
        try:
            yield
        finally:
            client.update_flow(**before)

    def tasks_of(self, name: str) -> list[dict[str, Any]]:
        """Return the tasks of a flow of AppFlow."""
        flow = self.aws.client("appflow").describe_flow(flowName=self.output["transfers"][name])
        tasks: list[dict[str, Any]] = flow["tasks"]
        return tasks

    def forget(self, name: str) -> None:
        """Delete the table of a transfer."""
        glue = self.aws.client("glue")
        with suppress(glue.exceptions.EntityNotFoundException):
            glue.delete_table(DatabaseName=DATABASE, Name=table_of(name))

    def table(self, name: str) -> dict[str, Any] | None:
        """Return the table of a transfer, if there is one."""
        glue = self.aws.client("glue")
        try:
            found: dict[str, Any] = glue.get_table(DatabaseName=DATABASE, Name=table_of(name))
        except glue.exceptions.EntityNotFoundException:
            return None
        table: dict[str, Any] = found["Table"]
        return table

    def partitions(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the partitions of a transfer's table, by their values."""
        glue = self.aws.client("glue")
        found = glue.get_partitions(DatabaseName=DATABASE, TableName=table_of(name))["Partitions"]
        return {one["Values"][0]: one for one in found}

    def rows(self, partition: Mapping[str, Any], *columns: str) -> list[tuple[Any, ...]]:
        """Return the rows of a partition's files, which DuckDB reads as its description says."""
        description = partition["StorageDescriptor"]
        bucket, _, prefix = description["Location"].removeprefix("s3://").partition("/")
        s3 = self.aws.client("s3")
        library = description["SerdeInfo"]["SerializationLibrary"].rpartition(".")[2]
        listed = {column["Name"]: column["Type"] for column in description["Columns"]}
        with TemporaryDirectory() as folder, database_in(Path(folder)) as database:
            files = []
            for number, found in enumerate(
                s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
            ):
                files.append(f"{folder}/{number}")
                s3.download_file(bucket, found["Key"], files[-1])
            paths = ", ".join(map(literal, files))
            # CSV has its columns by their places alone.
            names = ", ".join(map(literal, listed))
            reader = {
                "LazySimpleSerDe": f"read_csv([{paths}], skip = 1, header = false, "
                f"all_varchar = true, names = [{names}])",
                "JsonSerDe": f"read_json([{paths}], format = 'newline_delimited')",
                "ParquetHiveSerDe": f"read_parquet([{paths}])",
            }[library]
            types = {"bigint": "BIGINT", "double": "DOUBLE", "int": "INTEGER", "string": "VARCHAR"}
            chosen = ", ".join(
                f"CAST({quoted(one)} AS {types.get(listed[one], listed[one])})" for one in columns
            )
            return database.rows(f"SELECT {chosen} FROM {reader} ORDER BY ALL")


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def campaigns(*identifiers: str) -> str:
    """Return an export of campaigns."""
    lines = (
        {"id": one, "name": f"name of {one}", "channel": "Email", "budget": 10.5, "members": 7}
        for one in identifiers
    )
    return "".join(json.dumps(line) + "\n" for line in lines)


def tickets(*identifiers: str) -> str:
    """Return an export of tickets."""
    head = "id,account,priority,created_at,reply_minutes,satisfaction\n"
    return head + "".join(f"{one},Aldama,high,2026-11-30 10:00:00,12,5\n" for one in identifiers)
