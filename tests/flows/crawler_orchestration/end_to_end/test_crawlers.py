"""Data sets become tables by tag; a failed crawler is named, and a crawl is never too old."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from crawler_orchestration import data_sets
from emulator import engines
from ops.flows.crawler_orchestration import demo
from tests.flows.crawler_orchestration.support.crawlers import (
    ALL,
    DAILY,
    SMALL,
    Crawlers,
    now,
    outcomes,
)
from tests.support.platform import Platform, wait_for

engines.use(engines.SQL)
FIRST, LAST = 2016, 2021
DAYS = 2192
#: The article: 133 of 797 KB.
MOST_OF_ALL = 0.17

Written = dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def crawlers(platform: Platform) -> Crawlers:
    return Crawlers(platform.settings)


@pytest.fixture(scope="module")
def written(crawlers: Crawlers) -> Written:
    """The report of create_dataset on six years of data."""
    return demo.created(crawlers.deployed, firstYear=FIRST, lastYear=LAST)


@pytest.fixture(scope="module")
def crawled(crawlers: Crawlers, written: Written) -> dict[str, Any]:
    """The report of a request of all crawlers."""
    assert written
    execution, states = crawlers.request(datatype="json")
    assert execution.status == "SUCCEEDED", execution.cause
    assert "ListMoreCrawlers" in states
    return execution.answer or {}


@pytest.fixture
def broken(crawlers: Crawlers) -> Iterator[None]:
    """A file in the small data set that no crawler can read."""
    with demo.broken(crawlers.deployed):
        yield
    crawlers.forget_failures()


def read(folder: Path, crawlers: Crawlers, data_set: str, query: str) -> tuple[Any, ...]:
    """Return the first row that DuckDB reads in the files of a data set, called ``files``."""
    import duckdb

    lines = b"".join(content for _, content in crawlers.objects(f"data/{data_set}/"))
    file = folder / f"{data_set.replace('/', '-')}.json"
    file.write_bytes(lines)
    source = f"read_json('{file}', format = 'newline_delimited')"
    with duckdb.connect(":memory:") as connection:
        row = connection.execute(query.replace("files", source)).fetchone()
    assert row
    return tuple(row)


def test_the_files_of_a_data_set_are_what_was_reported(
    crawlers: Crawlers, written: Written, tmp_path: Path
) -> None:
    sums = set()
    for name in ALL:
        contents = dict(crawlers.objects(f"data/{name}/"))
        usage = "usage" if name == data_sets.USERS_BY_DAY else "total_usage"
        row = read(tmp_path, crawlers, name, f"SELECT count(*), sum({usage}) FROM files")
        report = written[name]

        assert len(contents) == report["files"] == (6 if name == SMALL else DAYS)
        assert sum(map(len, contents.values())) == report["bytes"]
        assert row == (report["records"], report["usage"])
        sums.add(row[1])
    assert len(sums) == 1


def test_each_data_set_is_a_table_with_its_partitions(
    crawlers: Crawlers, crawled: dict[str, Any]
) -> None:
    found = demo.tables(crawlers.deployed)

    assert {one["crawler"] for one in crawled["crawlers"]} == {*map(crawlers.crawler, ALL)}
    assert {one["outcome"] for one in crawled["crawlers"]} == {"SUCCEEDED"}
    assert set(found) == {name.replace("-", "_") for name in ALL}
    for name in DAILY:
        table = found[name.replace("-", "_")]
        assert [key["Name"] for key in table["PartitionKeys"]] == ["year", "month", "date"]
        assert table["partitions"] == DAYS
    assert found[SMALL.replace("-", "_")]["PartitionKeys"] == []


@pytest.mark.usefixtures("crawled")
def test_a_year_scans_a_sixth_and_both_sums_are_right(
    crawlers: Crawlers, written: Written, tmp_path: Path
) -> None:
    [of_all], scanned_of_all = crawlers.queried(demo.SUM)
    [of_a_year], scanned_of_a_year = crawlers.queried(demo.SUM_OF_A_YEAR)

    users = data_sets.USERS_BY_DAY
    assert (int(of_all), scanned_of_all) == (written[users]["usage"], written[users]["bytes"])
    assert scanned_of_a_year <= MOST_OF_ALL * scanned_of_all
    direct = read(tmp_path, crawlers, f"{users}/year=2016", "SELECT sum(usage) FROM files")
    assert (int(of_a_year),) == direct


@pytest.mark.usefixtures("crawled")
def test_locations_of_all_time_are_the_sums_of_their_days(crawlers: Crawlers) -> None:
    rows = {
        table: demo.run_query(
            crawlers.deployed,
            f"SELECT name, sum(total_usage) FROM {table} GROUP BY name ORDER BY name",
        )[1]
        for table in ("daily_location_summaries", "all_time_location_summaries")
    }

    assert rows["daily_location_summaries"] == rows["all_time_location_summaries"]
    assert len(rows["daily_location_summaries"]) == 6


@pytest.mark.usefixtures("crawled")
def test_a_new_day_is_in_the_next_crawl(crawlers: Crawlers) -> None:
    users, query = data_sets.USERS_BY_DAY, "SELECT COUNT(*) FROM daily_user_summaries"
    before = crawlers.queried(query)[0]
    day = date(2022, 1, 1)
    crawlers.put(data_sets.key_of(users, day), data_sets.lines(data_sets.users_of(day)))
    try:
        not_yet = crawlers.queried(query)[0]
        execution, _ = crawlers.request(folder=f"data/{users}")
        after = crawlers.queried(query)[0]
    finally:
        key = data_sets.key_of(users, day)
        crawlers.aws.client("s3").delete_object(Bucket=crawlers.data, Key=key)

    assert execution.status == "SUCCEEDED"
    assert not_yet == before
    assert int(after[0]) == int(before[0]) + 11


@pytest.mark.usefixtures("crawled", "broken")
def test_a_failed_crawler_fails_the_request_and_is_named(crawlers: Crawlers) -> None:
    began = now()

    execution, states = crawlers.request(datatype="json")

    failed = crawlers.crawler(SMALL)
    assert (execution.status, execution.error) == ("FAILED", "CrawlersFailed")
    assert execution.cause
    assert execution.cause.startswith(f"1 of 3 crawlers failed: {failed} (CrawlFailed: ")
    message = crawlers.failed_message(execution)
    assert message["event"]["detail"] == {"tags": {"datatype": "json"}}
    assert failed in message["error"]["cause"]
    # The others ran, and this one once only.
    found = {name: one["outcome"] for name, one in outcomes(states).items()}
    assert found == {failed: "FAILED", **{crawlers.crawler(n): "SUCCEEDED" for n in DAILY}}
    for name in DAILY:
        last = crawlers.ready(name)["LastCrawl"]
        assert last["Status"] == "SUCCEEDED"
        assert last["StartTime"].timestamp() >= began
        assert crawlers.crawler(name) not in execution.cause
    assert crawlers.runs_since("run_crawler", began, failed) == 1
    assert crawlers.runs_since("crawl", began, failed) == 1


@pytest.mark.usefixtures("crawled")
def test_a_crawl_that_began_before_is_joined_and_followed_by_one(crawlers: Crawlers) -> None:
    crawlers.crawling(SMALL)
    under_way = time.time()

    execution = crawlers.by_hand({"tags": {"is-partitioned": "no"}})

    [one] = (execution.answer or {})["crawlers"]
    assert (one["crawler"], one["crawls"]) == (crawlers.crawler(SMALL), 2)
    assert datetime.fromisoformat(one["startedAt"]).timestamp() >= under_way


@pytest.mark.usefixtures("crawled")
def test_the_failure_of_an_older_crawl_does_not_matter(crawlers: Crawlers) -> None:
    # Its crawl takes longest.
    name, began = crawlers.crawler(data_sets.LOCATIONS_BY_DAY), now()
    crawlers.crawling(data_sets.LOCATIONS_BY_DAY)
    arn = crawlers.start_child("run_crawler", {"crawler_name": name})
    wait_for(lambda: crawlers.joins_since(began), f"the request joins the crawl of {name}", 30)
    crawlers.aws.client("glue").stop_crawler(Name=name)

    execution = crawlers.ended_child("run_crawler", arn)

    assert execution.status == "SUCCEEDED", execution.cause
    assert (execution.answer or {})["LastCrawl"]["Status"] == "SUCCEEDED"
    assert (execution.answer or {})["crawls"] == 2


@pytest.mark.usefixtures("crawled")
def test_two_requests_of_a_crawler_both_succeed(crawlers: Crawlers) -> None:
    events = crawlers.publish({"tags": {"is-partitioned": "no"}}, {"tags": {"datatype": "json"}})

    assert {crawlers.ended(event, seconds=180)[0].status for event in events} == {"SUCCEEDED"}


@pytest.mark.usefixtures("crawled")
def test_a_crawl_that_is_stopped_fails_the_request(crawlers: Crawlers) -> None:
    glue, name = crawlers.aws.client("glue"), crawlers.crawler(SMALL)
    crawlers.ready(SMALL)
    [event] = crawlers.publish({"tags": {"is-partitioned": "no"}})
    wait_for(lambda: glue.get_crawler(Name=name)["Crawler"]["State"] == "RUNNING", "the crawl", 30)
    glue.stop_crawler(Name=name)

    execution, _ = crawlers.ended(event)

    assert execution.error == "CrawlersFailed"
    assert f"The crawl of {name} ended as CANCELLED" in (execution.cause or "")
    crawlers.forget_failures()


def test_tags_that_no_crawler_has_fail_the_request(crawlers: Crawlers) -> None:
    execution, _ = crawlers.request(datatype="csv")

    assert execution.error == "NoCrawlersFound"
    assert "datatype" in (execution.cause or "")
    crawlers.forget_failures()


def test_a_crawler_of_another_owner_is_not_run(crawlers: Crawlers) -> None:
    glue, name = crawlers.aws.client("glue"), "payroll-json"
    glue.create_crawler(
        Name=name,
        Role=crawlers.ready(SMALL)["Role"],
        DatabaseName=crawlers.output["athena"]["database"],
        Targets={"S3Targets": [{"Path": f"s3://{crawlers.data}/data/{SMALL}/"}]},
        Tags={"is-partitioned": "no"},
    )
    try:
        execution, _ = crawlers.request(**{"is-partitioned": "no"})
    finally:
        glue.delete_crawler(Name=name)

    assert [one["crawler"] for one in (execution.answer or {})["crawlers"]] == [
        crawlers.crawler(SMALL)
    ]


def test_a_crawler_that_does_not_exist_fails_at_once(crawlers: Crawlers) -> None:
    execution = crawlers.run_child("run_crawler", {"crawler_name": "nobodys"})

    assert (execution.status, execution.error) == ("FAILED", "AsyncCallFailed")


@pytest.mark.parametrize("given", [{}, {"crawler_name": 3}, {"crawler_name": ""}])
def test_run_crawler_refuses_what_names_no_crawler(crawlers: Crawlers, given: Any) -> None:
    assert crawlers.run_child("run_crawler", given).error == "InvalidRequest"


@pytest.mark.parametrize(
    "given",
    [
        {"firstYear": 2020, "lastYear": 2019},
        {"firstYear": 2000, "lastYear": 2100},
        {"lastYear": "x"},
    ],
)
def test_create_dataset_refuses_years_that_are_none(crawlers: Crawlers, given: Any) -> None:
    assert crawlers.run_child("create_dataset", given).error == "InvalidRequest"
