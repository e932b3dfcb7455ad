"""AppFlow.

- ``transfers``: MiniStack has no AppFlow.

A run copies the records of objects in S3, which stand for those of a SaaS application, with DuckDB.
Runs begin by ``StartFlow`` alone, whatever the trigger.
"""

from __future__ import annotations

from emulator import services
from emulator.patches.appflow.service import AppFlow
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "transfers": "A run copies records to S3 as CSV, JSON lines or Parquet, and sends its report.",
}


def apply(settings: Settings) -> None:
    """Close the gaps."""
    services.register("appflow", "appflow", "", AppFlow(settings.endpoint), resource_of)


def resource_of(_operation: str, fields: services.JsonObject, place: str) -> str:
    """Return the ARN of the flow that a request is about."""
    if "resourceArn" in fields:
        return str(fields["resourceArn"])
    name = fields.get("flowName")
    return f"arn:aws:appflow:{place}:flow/{name}" if name else "*"
