"""AppFlow's operations: flows, and their runs."""

from __future__ import annotations

import contextvars
import logging
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from emulator import aws_events, objects, policies
from emulator.objects import DeniedError, NoSuchBucketError, Objects
from emulator.patches.appflow import transfer
from emulator.services import JsonObject, Refused
from emulator.sql.database import database_in

SERVICE = "appflow.amazonaws.com"
log = logging.getLogger("emulator")
#: Fields that a change of a flow may have.
CHANGED = (
    "description",
    "triggerConfig",
    "sourceFlowConfig",
    "destinationFlowConfigList",
    "tasks",
    "metadataCatalogConfig",
)
#: Fields of a creation that are not the flow's own.
APART = ("tags", "clientToken")


class AppFlow:
    """The flows of all accounts.

    Parameters
    ----------
    endpoint
        The emulator's URL.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._flows: dict[str, JsonObject] = {}
        self._runs: dict[str, list[JsonObject]] = {}
        self._tags: dict[str, dict[str, str]] = {}

    def create_flow(self, fields: JsonObject) -> JsonObject:
        """Create a flow, whose buckets must admit AppFlow."""
        arn = arn_of(fields["flowName"])
        if arn in self._flows:
            raise Refused("ConflictException", f"The flow {fields['flowName']} exists.")
        flow = {
            **{
                name: value for name, value in fields.items() if name not in ("tags", "clientToken")
            },
            "flowArn": arn,
            "flowStatus": "Active",
            "createdAt": time.time(),
            "lastUpdatedAt": time.time(),
            "schemaVersion": 1,
        }
        self._check(flow)
        self._flows[arn] = flow
        self._tags[arn] = dict(fields.get("tags") or {})
        return {"flowArn": arn, "flowStatus": "Active"}

    def describe_flow(self, fields: JsonObject) -> JsonObject:
        """Return a flow."""
        flow = self._flow(fields)
        runs = self._runs.get(flow["flowArn"]) or [{}]
        last = {
            "mostRecentExecutionStatus": runs[-1].get("executionStatus"),
            "mostRecentExecutionTime": runs[-1].get("startedAt"),
        }
        return {
            **flow,
            "tags": self._tags[flow["flowArn"]],
            "lastRunExecutionDetails": {key: value for key, value in last.items() if value},
        }

    def update_flow(self, fields: JsonObject) -> JsonObject:
        """Change a flow."""
        flow = self._flow(fields)
        changed = {**flow, **{name: fields[name] for name in CHANGED if name in fields}}
        self._check(changed)
        if changed["tasks"] != flow["tasks"]:
            changed["schemaVersion"] += 1
        self._flows[flow["flowArn"]] = {**changed, "lastUpdatedAt": time.time()}
        return {"flowStatus": "Active"}

    def delete_flow(self, fields: JsonObject) -> JsonObject:
        """Delete a flow that does not run."""
        flow = self._flow(fields)
        self._check_rest(flow)
        del self._flows[flow["flowArn"]]
        self._runs.pop(flow["flowArn"], None)
        return {}

    def list_flows(self, _fields: JsonObject) -> JsonObject:
        """Return the flows of the account."""
        here = arn_of("")
        return {"flows": [flow for arn, flow in self._flows.items() if arn.startswith(here)]}

    def start_flow(self, fields: JsonObject) -> JsonObject:
        """Begin a run."""
        flow = self._flow(fields)
        self._check_rest(flow)
        run: JsonObject = {
            "executionId": str(uuid4()),
            "executionStatus": "InProgress",
            "startedAt": time.time(),
            "lastUpdatedAt": time.time(),
        }
        self._runs.setdefault(flow["flowArn"], []).append(run)
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run, flow, run), daemon=True).start()
        return {
            "flowArn": flow["flowArn"],
            "flowStatus": "Active",
            "executionId": run["executionId"],
        }

    def describe_flow_execution_records(self, fields: JsonObject) -> JsonObject:
        """Return the runs of a flow, the newest first."""
        return {"flowExecutions": self._runs.get(self._flow(fields)["flowArn"], [])[::-1]}

    def list_tags_for_resource(self, fields: JsonObject) -> JsonObject:
        """Return the tags of a flow."""
        return {"tags": self._tags.get(fields["resourceArn"], {})}

    def tag_resource(self, fields: JsonObject) -> JsonObject:
        """Set tags of a flow."""
        self._tags.setdefault(fields["resourceArn"], {}).update(fields["tags"])
        return {}

    def untag_resource(self, fields: JsonObject) -> JsonObject:
        """Remove tags of a flow."""
        for key in fields["tagKeys"]:
            self._tags.get(fields["resourceArn"], {}).pop(key, None)
        return {}

    def _flow(self, fields: JsonObject) -> JsonObject:
        found = self._flows.get(arn_of(fields["flowName"]))
        if found is None:
            raise Refused(
                "ResourceNotFoundException", f"The flow {fields['flowName']} does not exist."
            )
        return found

    def _check_rest(self, flow: JsonObject) -> None:
        runs = self._runs.get(flow["flowArn"], [])
        if any(run["executionStatus"] == "InProgress" for run in runs):
            raise Refused("ConflictException", f"The flow {flow['flowName']} runs.")

    def _objects(self, flow: Mapping[str, Any]) -> Objects:
        *_, region, account, _ = flow["flowArn"].split(":", 5)

        def refusal(action: str, arn: str) -> str:
            bucket = arn.partition("/")[0]
            document = policies.policy_of("s3", bucket)
            return policies.resource_refusal(document, SERVICE, action, arn, flow["flowArn"])

        return Objects(objects.client(self._endpoint, account, region), refusal)

    def _check(self, flow: JsonObject) -> None:
        """Refuse a flow that could not run, as AppFlow does."""
        if unknown := transfer.unknown_tasks(flow):
            raise Refused(
                "ValidationException", f"The emulator cannot do these tasks: {', '.join(unknown)}."
            )
        source = flow["sourceFlowConfig"]
        if source["connectorType"] != "S3":
            raise Refused("ValidationException", "The emulator has no connector but that of S3.")
        if flow["destinationFlowConfigList"][0]["connectorType"] != "S3":
            return
        found = self._objects(flow)
        read = source["sourceConnectorProperties"]["S3"]["bucketName"]
        written = transfer.destination_of(flow)["bucketName"]
        try:
            found.check("s3:ListBucket", read)
            found.check("s3:GetObject", read, "any")
            found.check("s3:PutObject", written, "any")
        except DeniedError as denied:
            raise Refused("ValidationException", str(denied)) from None

    def _run(self, flow: JsonObject, run: JsonObject) -> None:
        begin = datetime.fromtimestamp(run["startedAt"], UTC)
        result: JsonObject = {"bytesProcessed": 0, "bytesWritten": 0, "recordsProcessed": 0}
        try:
            self._copy(flow, run["executionId"], begin, result)
            run["executionStatus"] = "Successful"
        except Exception as problem:
            log.warning("Run %s of %s failed: %s", run["executionId"], flow["flowName"], problem)
            result["errorInfo"] = {"executionMessage": str(problem)[:2000]}
            run["executionStatus"] = "Error"
        run |= {"executionResult": result, "lastUpdatedAt": time.time()}
        aws_events.send(
            "aws.appflow",
            "AppFlow End Flow Run Report",
            [flow["flowArn"]],
            report(flow, run, begin, datetime.now(UTC)),
        )

    def _copy(self, flow: JsonObject, run: str, begin: datetime, result: JsonObject) -> None:
        """Copy the records, as one file or as one for each object of the source."""
        destination = flow["destinationFlowConfigList"][0]
        if destination["connectorType"] != "S3":
            raise NoSuchBucketError("The emulator writes to S3 alone.")
        found = self._objects(flow)
        source = flow["sourceFlowConfig"]["sourceConnectorProperties"]["S3"]
        read_as = (source.get("s3InputFormatConfig") or {}).get("s3InputFileType") or "CSV"
        file_format, fields = transfer.format_of(flow), transfer.fields_of(flow)
        bucket, folder = (
            transfer.destination_of(flow)["bucketName"],
            transfer.folder_of(flow, run, begin),
        )
        prefix = (source.get("bucketPrefix") or "").strip("/")
        keys = sorted(found.keys(source["bucketName"], f"{prefix}/" if prefix else ""))
        groups = [keys] if transfer.is_single(flow) else [[key] for key in keys]
        for number, group in enumerate(group for group in groups if group):
            with tempfile.TemporaryDirectory() as place, database_in(Path(place)) as database:
                files = []
                for index, key in enumerate(group):
                    file = Path(place, f"source-{index}")
                    found.read(source["bucketName"], key, file)
                    files.append(str(file))
                    result["bytesProcessed"] += file.stat().st_size
                written = Path(place, "written")
                select = transfer.query(read_as, fields, files)
                [records] = database.row(transfer.copy(select, str(written), file_format))
                if records:
                    key = f"{folder}{run}-{begin:%Y-%m-%dT%H:%M:%S}-part-{number}"
                    found.write(written, bucket, key)
                    result["recordsProcessed"] += records
                    result["bytesWritten"] += written.stat().st_size


def report(flow: JsonObject, run: JsonObject, begin: datetime, end: datetime) -> JsonObject:
    """Return the detail of the event of a run's end."""
    result = run["executionResult"]
    is_good = run["executionStatus"] == "Successful"
    source = flow["sourceFlowConfig"]
    destination = flow["destinationFlowConfigList"][0]
    in_s3 = destination["destinationConnectorProperties"].get("S3")
    return {
        "flow-name": flow["flowName"],
        "created-by": f"arn:aws:iam::{flow['flowArn'].split(':')[4]}:root",
        "flow-arn": flow["flowArn"],
        "source": source["connectorType"].upper(),
        "destination": destination["connectorType"].upper(),
        "source-object": source["sourceConnectorProperties"]["S3"].get("bucketPrefix", ""),
        "destination-object": f"s3://{in_s3['bucketName']}" if in_s3 else "",
        "trigger-type": flow["triggerConfig"]["triggerType"].upper(),
        "num-of-records-processed": str(result["recordsProcessed"]),
        "num-of-records-filtered": "0",
        "data-processed": str(result["bytesProcessed"]),
        "execution-id": run["executionId"],
        "status": "Execution Successful" if is_good else "Execution Failed",
        "start-time": f"{begin:%Y-%m-%dT%H:%M:%S.000}Z[UTC]",
        "end-time": f"{end:%Y-%m-%dT%H:%M:%S.000}Z[UTC]",
    }


def arn_of(name: str) -> str:
    """Return the ARN of a flow of the request's account."""
    from ministack.core.responses import get_account_id, get_region

    return f"arn:aws:appflow:{get_region()}:{get_account_id()}:flow/{name}"
