"""Expectations of the unload in the tests of every flow."""

from __future__ import annotations

import json
import uuid
from typing import Any

from ops.recovery import dead_letters
from tests.flows.athena_unload.support.unloads import MACHINE, Unloads
from tests.support.expectations import FAILURE, Events, Expectations, Rights, Settings, Try
from tests.support.running import RunningFlow

CRAWL = f"{MACHINE}-crawl"
CRAWLER = f"{MACHINE}-crawler"
TABLES = "a crawler names its tables after the folders that it finds"


def unloads(running: RunningFlow) -> Unloads:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Unloads)
    return running


def rights(running: RunningFlow) -> Rights:
    """Return the calls that miss each right."""
    flow = unloads(running)
    flow.fill()
    sent: list[str] = []
    notice = flow.notice(flow.unload("reviews"))
    query = flow.aws.client("athena").get_query_execution(QueryExecutionId=notice["query"])
    [last] = flow.publish({"useCase": "reviews"})
    done, _states = flow.ended(last)
    assert done.status == "SUCCEEDED"
    plan = {
        "useCase": "reviews",
        "run": notice["run"],
        "startedAt": notice["startedAt"],
        "prefix": f"unload/reviews/{notice['run']}/",
        "location": notice["location"],
    }
    described = json.loads(json.dumps(query["QueryExecution"], default=str))

    def run() -> str | None:
        [event] = flow.publish({"useCase": "reviews"})
        sent.append(event)
        return flow.ended(event)[0].error

    def deleted() -> str | None:
        client = flow.aws.client("s3")
        key = f"unload/reviews/20200101T000000-{uuid.uuid4().hex}/file"
        client.put_object(Bucket=flow.out, Key=key, Body=b"rows")
        return flow.error_of(flow.function("CleanUp"), notice)

    def switched() -> str | None:
        payload = {"plan": {**plan, "run": f"9{uuid.uuid4().hex}"}, "query": described}
        return flow.error_of(flow.function("SwitchPointer"), payload)

    names = [
        "AthenaStartQueryExecutionSync",
        "ListBuckets",
        "ReadLake",
        "ReadTables",
        "SnsPublish",
        "StatesStartExecutionSync2",
        "StatesStartExecutionSync2Follow",
        "StatesStartExecutionSync2ReportEnd",
        "WriteFiles",
    ]
    tries: dict[tuple[str, str], Try] = {(MACHINE, name): run for name in names}
    tries |= {(CRAWL, f"AwsSdkGlue{name}"): run for name in ("GetCrawler", "StartCrawler")}
    tries |= {(CRAWLER, name): run for name in ("KeepTables", "ListLake", "ReadLake")}
    tries |= {
        (f"{MACHINE}-clean-up", name): deleted for name in ("DeleteRuns", "ListRuns", "ReadPointer")
    }
    tries |= {
        (f"{MACHINE}-switch-pointer", name): switched
        for name in ("ListFiles", "MovePointer", "ReadManifest")
    }
    planned: dict[str, Any] = {
        "event": running.example,
        "execution": "x",
        "startedAt": notice["startedAt"],
    }
    return Rights(
        {"PlanUnload": planned, "CatchErrors": FAILURE}, tries, lambda: forget(flow, sent)
    )


def forget(flow: Unloads, sent: list[str]) -> None:
    """Take what the tries left in the failed queue out of it."""

    def is_of_a_try(letter: dead_letters.DeadLetter) -> bool:
        return (letter.event or {}).get("id") in sent

    sqs, url = flow.aws.client("sqs"), flow.flow.failed_queue_url
    dead_letters.remove(sqs, dead_letters.FAILED, url, is_of_a_try)
    # The tries moved the pointer to runs that never were.
    flow.aws.client("s3").delete_object(Bucket=flow.out, Key="current/reviews.json")


def good(running: RunningFlow) -> dict[str, Any]:
    """Return a request that the filled lake can serve."""
    unloads(running).fill()
    return {"useCase": "reviews"}


EXPECTATIONS = Expectations(
    granted={
        **dict.fromkeys(
            ("ReadTables", "ReadLake", "ListBuckets", "WriteFiles"),
            "Athena reads tables and writes files with the rights of who starts the query",
        )
    },
    running=Unloads,
    libraries={
        "athena_unload.plan_unload": set(),
        "athena_unload.switch_pointer": set(),
        "athena_unload.clean_up": set(),
        "athena_unload.catch_errors": set(),
    },
    wide={
        "StatesStartExecutionSync2Follow": "executions of the crawl, whose names AWS chooses",
        "ReadTables": "the tables of the flow's own database, which its crawlers find",
        "KeepTables": TABLES,
        "ReadLake": "the raw files, which other systems name",
        "WriteFiles": "each run has a folder of its own below these prefixes",
        "ReadManifest": "each query has a manifest of its own below this prefix",
        "MovePointer": "each use case has a pointer, each run a manifest",
        "ReadPointer": "each use case has a pointer below this prefix",
        "DeleteRuns": "each run has a folder of its own below this prefix",
        "WriteCrawlerLog": "Glue names the log's streams",
    },
    unasked={"WriteCrawlerLog": "a crawl leaves no log in the emulator"},
    rights=rights,
    events=Events(good=good, bad=lambda _: {"useCase": "other"}, error="InvalidRequest"),
    settings=Settings(
        wrong={"keep_hours": -1, "most_bytes_scanned": 1},
        sentences=[
            "athena_unload.keep_hours is 0 to 8760",
            "athena_unload.most_bytes_scanned is 10000000 or more",
        ],
        required="schedule",
    ),
)
