"""The unload of the shared environment, as its consumers and its operator see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ops.executions.executions import Execution
from ops.flows import DeployedFlow
from ops.flows.athena_unload import data, demo
from ops.settings import LOCAL
from tests.support.running import RunningFlow

FLOW = "athena_unload"
MACHINE = "flowbridge-local-athena-unload"
REQUESTS = dict(demo.REQUESTS)


@dataclass
class Unloads(RunningFlow):
    """The flow."""

    name: str = field(default=FLOW, kw_only=True)

    @cached_property
    def deployed(self) -> DeployedFlow:
        """The flow, as its hooks see it."""
        return DeployedFlow(FLOW, LOCAL, self.aws.client, self.outputs)

    @property
    def lake(self) -> str:
        """The bucket of the raw data."""
        return str(self.output["buckets"]["lake"]["name"])

    @property
    def out(self) -> str:
        """The bucket of the unloads."""
        return str(self.output["buckets"]["output"]["name"])

    def fill(self) -> None:
        """Put the raw data into the lake, if they are not there."""
        found = self.aws.client("s3").list_objects_v2(Bucket=self.lake, MaxKeys=1)
        if not found["KeyCount"]:
            demo.fill(self.deployed, *demo.FIRST_DAYS)

    def add_reviews(self, day: str) -> int:
        """Put the reviews of a day into the lake, and return how many there are."""
        table = data.reviews(day)
        key = f"raw/reviews/day={day}/reviews.tsv"
        self.aws.client("s3").put_object(Bucket=self.lake, Key=key, Body=table.text)
        return len(table.rows)

    def unload(self, use_case: str, **parameters: Any) -> Execution:
        """Request an unload, and return its execution when it has ended."""
        [event] = self.publish({"useCase": use_case, "parameters": parameters})
        return self.ended(event)[0]

    def notice(self, execution: Execution) -> dict[str, Any]:
        """Return the notice that the consumer gets of an execution."""
        assert execution.status == "SUCCEEDED", execution.error
        return demo.received(self.deployed, execution)

    def pointer(self, use_case: str) -> dict[str, Any]:
        """Return the pointer to the current run."""
        return demo.pointer(self.deployed, use_case)

    def files(self, notice: dict[str, Any]) -> list[bytes]:
        """Return the files in the manifest of a notice or a pointer."""
        return demo.files(self.deployed, notice)

    @contextmanager
    def broken_reviews(self) -> Iterator[None]:
        """Have a file among the reviews that no query can read."""
        client, key = self.aws.client("s3"), "raw/reviews/day=2026-01-01/broken.tsv.gz"
        client.put_object(Bucket=self.lake, Key=key, Body=b"not packed")
        try:
            yield
        finally:
            client.delete_object(Bucket=self.lake, Key=key)


def lines(content: bytes) -> list[dict[str, Any]]:
    """Return the rows of a file of JSON."""
    return [json.loads(line) for line in content.splitlines()]
