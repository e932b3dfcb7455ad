"""The call recording archival of the shared environment, as its users and its operator see it."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ops.executions.events import Event
from ops.executions.executions import Execution
from ops.recovery import dead_letters
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

FLOW = "call_recording_archival"
SOURCE, DETAIL_TYPE = "flowbridge.call_recording_archival", "ArchiveRecordings"
WORKERS = 16
#: A run of thousands of recordings, on a busy computer.
LONG_SECONDS = 240


@dataclass
class Archival(RunningFlow):
    """The flow, its bucket and its queues."""

    name: str = field(default=FLOW, kw_only=True)

    @cached_property
    def bucket(self) -> str:
        """The bucket of the recordings."""
        name: str = self.output["recordings"]["bucket"]
        return name

    @cached_property
    def s3(self) -> Any:
        """The client of S3."""
        return self.aws.client("s3")

    def record(self, objects: Mapping[str, bytes], tags: str = "", **more: Any) -> None:
        """Put recordings into the bucket."""
        with ThreadPoolExecutor(WORKERS) as pool:
            list(
                pool.map(
                    lambda key: self.s3.put_object(
                        Bucket=self.bucket, Key=key, Body=objects[key], Tagging=tags, **more
                    ),
                    objects,
                )
            )

    def read(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return objects by key, each with its bytes as ``content``."""

        def one(key: str) -> tuple[str, Any]:
            found = self.s3.get_object(Bucket=self.bucket, Key=key)
            return key, {**found, "content": found["Body"].read()}

        with ThreadPoolExecutor(WORKERS) as pool:
            return dict(pool.map(one, keys))

    def tags(self, keys: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the tags of objects by key."""

        def one(key: str) -> tuple[str, dict[str, str]]:
            found = self.s3.get_object_tagging(Bucket=self.bucket, Key=key)["TagSet"]
            return key, {tag["Key"]: tag["Value"] for tag in found}

        with ThreadPoolExecutor(WORKERS) as pool:
            return dict(pool.map(one, keys))

    def versions(self, key: str) -> int:
        """Return how many versions an object has."""
        found = self.s3.list_object_versions(Bucket=self.bucket, Prefix=key).get("Versions", [])
        return sum(version["Key"] == key for version in found)

    def archive_day(self, day: str, seconds: float = 90) -> Execution:
        """Archive the day MM/DD/YYYY by an event on the bus; return the ended execution."""
        detail = json.dumps({"specific_date": day})
        [event] = self.send(Event(1, SOURCE, DETAIL_TYPE, detail))
        return self.ended(event, seconds=seconds)[0]

    def run_daily(self, time: str) -> Execution:
        """Start the workflow as the schedule does at a time; return the ended execution."""
        event = {"id": str(uuid.uuid4()), "time": time, "detail": {"specific_date": ""}}
        return self.started({**event, "source": SOURCE, "detail-type": DETAIL_TYPE})

    def started(self, event: Mapping[str, Any]) -> Execution:
        """Start the workflow with an event; return the ended execution."""
        arn = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.output["workflows"]["main"]["alias_arn"], input=json.dumps(event)
        )["executionArn"]

        def over() -> Execution | None:
            execution = self.executions.describe(arn)
            return execution if execution.is_over else None

        execution: Execution = wait_for(over, f"end of {arn}", 90)
        return execution

    @property
    def watermark(self) -> str | None:
        """The last day of which every recording was handled."""
        key = {"name": {"S": "watermark"}}
        found = self.aws.client("dynamodb").get_item(TableName=self.table, Key=key)
        item: Mapping[str, Any] = found.get("Item", {})
        return item["day"]["S"] if item else None

    def forget_watermark(self) -> None:
        """Delete the watermark, as before the first run."""
        key = {"name": {"S": "watermark"}}
        self.aws.client("dynamodb").delete_item(TableName=self.table, Key=key)

    @property
    def table(self) -> str:
        """The table of the watermark."""
        name: str = self.output["tables"]["state"]["name"]
        return name

    def task(self, name: str, variables: Mapping[str, Any]) -> str | None:
        """Carry out one of the state machine's tasks alone, with its role; return its error."""
        client = self.aws.client("stepfunctions")
        deployed = client.describe_state_machine(stateMachineArn=self.flow.state_machine_arn)
        state = json.loads(deployed["definition"])["States"][name]
        task = {k: v for k, v in state.items() if k not in ("Catch", "Retry", "Next")}
        assign = {"Type": "Pass", "Assign": variables, "Next": "Task"}
        return self.error_alone({"Assign": assign, "Task": {**task, "End": True}})

    def letters(self) -> dict[str, dead_letters.DeadLetter]:
        """Return the dead letters of recordings, by key."""
        [consumer] = self.flow.consumers
        url = consumer.dead_letter_queue_url
        found = dead_letters.look(self.aws.client("sqs"), dead_letters.UNPROCESSED, url)
        return {json.loads(letter.raw["Body"])["key"]: letter for letter in found}

    def forget_letters(self, keys: Iterable[str]) -> None:
        """Delete dead letters, which other tests count."""
        [consumer] = self.flow.consumers
        meant = set(keys)
        dead_letters.remove(
            self.aws.client("sqs"),
            dead_letters.UNPROCESSED,
            consumer.dead_letter_queue_url,
            lambda letter: json.loads(letter.raw["Body"]).get("key") in meant,
        )


def sox(files: Sequence[Path], *options: str) -> list[str]:
    """Return what SoX reads of files, one line each.

    Parameters
    ----------
    files
        WAV files.
    options
        Options of ``soxi``, such as ``-r`` for the rate.
    """
    program = shutil.which("sox")
    assert program, "SoX is missing, with which recordings are tested. Type 'make setup'."
    result = subprocess.run(
        [program, "--info", *options, *map(str, files)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-1000:]
    return result.stdout.split("\n")[: len(files)]
