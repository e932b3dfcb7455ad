"""Expectations of the crawlers in the tests of every flow."""

from __future__ import annotations

import json

from crawler_orchestration.data_sets import USERS_BY_DAY
from ops.executions.events import SYNTHETIC, Event
from ops.executions.executions import Execution
from ops.recovery import dead_letters
from tests.flows.crawler_orchestration.support.crawlers import (
    CRAWL,
    CRAWLER,
    CREATE,
    MACHINE,
    RUN_CRAWLER,
    SMALL,
    Crawlers,
)
from tests.support.expectations import FAILURE, Events, Expectations, Rights, Settings, Try
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

#: The crawler of one data set is enough: all have one role.
TAGS = {"is-partitioned": "no"}
NESTED = (
    "StatesStartExecutionSync2",
    "StatesStartExecutionSync2Follow",
    "StatesStartExecutionSync2ReportEnd",
)


def crawlers(running: RunningFlow) -> Crawlers:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Crawlers)
    return running


def rights(running: RunningFlow) -> Rights:
    """Return the calls that miss each right."""
    flow = crawlers(running)
    flow.fill()
    sent: list[str] = []

    def run() -> str | None:
        [event] = flow.publish({"tags": TAGS})
        sent.append(event)
        return flow.ended(event)[0].error

    def wrote() -> str | None:
        return flow.run_child("create_dataset", {"firstYear": 2016, "lastYear": 2016}).error

    tries: dict[tuple[str, str], Try] = {(MACHINE, name): run for name in ("ListCrawlers", *NESTED)}
    tries |= {(RUN_CRAWLER, name): run for name in NESTED}
    tries |= {(CRAWL, f"AwsSdkGlue{name}"): run for name in ("GetCrawler", "StartCrawler")}
    tries |= {(CRAWLER, name): run for name in ("KeepTables", "ListData", "ReadData")}
    tries[CREATE, "LambdaInvoke"] = wrote
    tries[f"{CREATE}-events", "StartExecution"] = lambda: delivered(flow)
    some = {"dataSet": SMALL, "firstYear": 2016, "lastYear": 2016}
    return Rights({"WriteDataSet": some, "CatchErrors": FAILURE}, tries, lambda: forget(flow, sent))


def good(_: RunningFlow) -> dict[str, dict[str, str]]:
    """Return a request by a value that no other event has."""
    return {"tags": {"folder": f"data/{USERS_BY_DAY}"}}


def sent_by_example(running: RunningFlow) -> Execution:
    """Request every crawler, and return the execution when it has ended."""
    [event] = running.publish(running.example["detail"])
    return running.ended(event)[0]


def delivered(flow: Crawlers) -> str | None:
    """Request data sets of no year, and return why create_dataset was not started, if it was not.

    The request is refused when it arrives.
    """
    sqs, url = flow.aws.client("sqs"), flow.output["triggers"]["data_sets"]["undelivered_queue_url"]
    detail = json.dumps({"firstYear": 2016, "lastYear": 1})
    source = flow.example["source"]
    [event] = flow.send(Event(1, source, "DataSetsRequested", detail, (SYNTHETIC,)))
    started: dict[str, Execution] = {}

    def is_this(letter: dead_letters.DeadLetter) -> bool:
        return (letter.event or {}).get("id") == event

    def fate() -> str | None:
        flow.child("create_dataset").started_by([event], started)
        if started:
            return "started"
        letters = dead_letters.look(sqs, dead_letters.UNDELIVERED, url)
        return next((letter.error for letter in letters if is_this(letter)), None)

    found: str = wait_for(fate, f"the delivery of {event}")
    dead_letters.remove(sqs, dead_letters.UNDELIVERED, url, is_this)
    return None if found == "started" else found


def forget(flow: Crawlers, sent: list[str]) -> None:
    """Take what the tries left in the failed queue out of it."""

    def is_of_a_try(letter: dead_letters.DeadLetter) -> bool:
        return (letter.event or {}).get("id") in sent

    sqs, url = flow.aws.client("sqs"), flow.flow.failed_queue_url
    dead_letters.remove(sqs, dead_letters.FAILED, url, is_of_a_try)


EXPECTATIONS = Expectations(
    granted={"ListCrawlers": "Glue lists crawlers without a narrower resource"},
    running=Crawlers,
    libraries={
        "crawler_orchestration.write_data_set": set(),
        "crawler_orchestration.catch_errors": set(),
    },
    wide={
        "ListCrawlers": "Glue lists crawlers without a narrower resource",
        "StatesStartExecutionSync2Follow": "executions of run_crawler, whose names AWS chooses",
        "KeepTables": "a crawler names its tables after the folders that it finds",
        "ReadData": "each day has a folder of its own below this prefix",
        "WriteData": "each day has a folder of its own below this prefix",
        "WriteCrawlerLog": "Glue names the log's streams",
    },
    unasked={"WriteCrawlerLog": "a crawl leaves no log in the emulator"},
    rights=rights,
    events=Events(good=good),
    send=sent_by_example,
    settings=Settings(
        wrong={
            "data_sets": {"Daily Users": {"is_partitioned": True}},
            "schedule_tags": {},
            "first_year": 1800,
            "page_size": 0,
            "max_concurrency": 41,
            "crawl_minutes": 0,
            "most_bytes_scanned": 1,
        },
        sentences=[
            "crawler_orchestration.data_sets are named by 1 to 100 lower-case letters",
            "crawler_orchestration.schedule_tags has at least one tag",
            "crawler_orchestration.first_year is 1900 or later",
            "crawler_orchestration.page_size is 1 to 1000",
            "crawler_orchestration.max_concurrency is 1 to 40",
            "crawler_orchestration.crawl_minutes is 1 to 120",
            "crawler_orchestration.most_bytes_scanned is 10000000 or more",
        ],
        required="schedule",
    ),
)
