"""The crawlers of the shared environment, as those who request them and their operator see them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from crawler_orchestration import data_sets
from ops.executions.executions import Execution, Executions, StateRun
from ops.flows import DeployedFlow
from ops.flows.crawler_orchestration import demo
from ops.settings import LOCAL
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

FLOW = "crawler_orchestration"
MACHINE = "flowbridge-local-crawler-orchestration"
RUN_CRAWLER, CRAWL = f"{MACHINE}-run-crawler", f"{MACHINE}-crawl"
CREATE, WRITE = f"{MACHINE}-create-dataset", f"{MACHINE}-write-data-set"
CRAWLER = f"{MACHINE}-crawler"
DAILY = (data_sets.USERS_BY_DAY, data_sets.LOCATIONS_BY_DAY)
SMALL = data_sets.LOCATIONS
ALL = (*DAILY, SMALL)

JsonObject = dict[str, Any]


@dataclass
class Crawlers(RunningFlow):
    """The flow."""

    name: str = field(default=FLOW, kw_only=True)

    @cached_property
    def deployed(self) -> DeployedFlow:
        """The flow, as its hooks see it."""
        return DeployedFlow(FLOW, LOCAL, self.aws.client, self.outputs)

    @property
    def data(self) -> str:
        """The bucket of the data sets."""
        return str(self.output["buckets"]["data"]["name"])

    def crawler(self, data_set: str) -> str:
        """Return the name of the crawler of a data set."""
        return str(self.output["crawlers"][data_set])

    def child(self, key: str) -> Executions:
        """Return the executions of one of the other state machines."""
        arn = self.output["children"][key]["state_machine_arn"]
        return Executions(self.aws.client("stepfunctions"), arn)

    def start_child(self, key: str, given: Any) -> str:
        """Start one of the other state machines by hand, and return the execution's ARN."""
        arn: str = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.output["children"][key]["alias_arn"], input=json.dumps(given)
        )["executionArn"]
        return arn

    def ended_child(self, key: str, arn: str) -> Execution:
        """Return an execution of another state machine once it has ended."""
        return self._over(self.child(key), arn)

    def run_child(self, key: str, given: Any) -> Execution:
        """Start one of the other state machines by hand, and return its ended execution."""
        return self.ended_child(key, self.start_child(key, given))

    def joins_since(self, began: float) -> bool:
        """Return whether a call since a moment waits for a crawl."""
        calls = self.child("crawl")
        return any(
            run.name == "WaitForJob"
            for one in calls.newest(5)
            if one.started.timestamp() >= began
            for run in calls.history(one.arn)
        )

    def by_hand(self, given: Any) -> Execution:
        """Start run_crawlers_with_tags by hand, and return its ended execution."""
        arn = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.output["workflows"]["main"]["alias_arn"], input=json.dumps(given)
        )["executionArn"]
        return self._over(self.executions, arn)

    @staticmethod
    def _over(executions: Executions, arn: str) -> Execution:
        def over() -> Execution | None:
            found = executions.describe(arn)
            return found if found.is_over else None

        execution: Execution = wait_for(over, f"end of {arn}", 120)
        return execution

    def request(self, **tags: str) -> tuple[Execution, dict[str, StateRun]]:
        """Request the crawlers with some tags, and return the ended execution and its states."""
        [event] = self.publish({"tags": tags})
        return self.ended(event, seconds=180)

    def objects(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield key and content of the objects below a prefix."""
        client = self.aws.client("s3")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.data, Prefix=prefix)
        for one in (one for page in pages for one in page.get("Contents", ())):
            found = client.get_object(Bucket=self.data, Key=one["Key"])
            yield one["Key"], found["Body"].read()

    def put(self, key: str, content: bytes) -> None:
        """Put an object into the data bucket."""
        self.aws.client("s3").put_object(Bucket=self.data, Key=key, Body=content)

    def fill(self) -> None:
        """Put a few files of each data set into the bucket, if there are none."""
        found = self.aws.client("s3").list_objects_v2(Bucket=self.data, MaxKeys=1)
        if found["KeyCount"]:
            return
        for name in ALL:
            some = list(data_sets.files(name, 2016, 2016))[:3]
            for key, records in some:
                self.put(key, data_sets.lines(records))

    def crawling(self, data_set: str) -> None:
        """Start a crawler, and return when it runs."""
        glue, name = self.aws.client("glue"), self.crawler(data_set)
        self.ready(data_set)
        glue.start_crawler(Name=name)
        assert glue.get_crawler(Name=name)["Crawler"]["State"] == "RUNNING"

    def ready(self, data_set: str) -> JsonObject:
        """Return a crawler once it is ready."""
        glue, name = self.aws.client("glue"), self.crawler(data_set)

        def found() -> JsonObject | None:
            crawler: JsonObject = glue.get_crawler(Name=name)["Crawler"]
            return crawler if crawler["State"] == "READY" else None

        crawler: JsonObject = wait_for(found, f"the crawler {name}", 60)
        return crawler

    def runs_since(self, key: str, began: float, crawler: str) -> int:
        """Return how many executions of a child worked for a crawler since a moment."""
        executions = self.child(key)
        return sum(
            crawler in (executions.describe(one.arn).input or "")
            for one in executions.newest(50)
            if one.started.timestamp() >= began
        )

    def queried(self, query: str) -> tuple[list[str], int]:
        """Return the first row of a query, and the bytes that it scanned."""
        execution, rows = demo.run_query(self.deployed, query)
        return rows[0], demo.scanned(execution)


def outcomes(states: dict[str, StateRun]) -> dict[str, JsonObject]:
    """Return the outcome of each crawler of a request, by its name."""
    found = json.loads(states["AllSucceeded"].input or "{}")
    return {one["crawler"]: one for one in found.get("crawlers", ())}


def now() -> float:
    """Return the time, in whole milliseconds as executions have it."""
    return int(time.time() * 1000) / 1000
