"""Four use cases: their files hold the query's rows, and consumers always have complete files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from emulator import engines
from ops.flows.athena_unload import data, demo
from tests.flows.athena_unload.support.unloads import REQUESTS, Unloads, lines
from tests.support.platform import Platform

engines.use(engines.SQL)
#: The article: 62 of 248 GB.
MOST_OF_CSV = 0.25


@pytest.fixture(scope="module")
def unloads(platform: Platform) -> Unloads:
    flow = Unloads(platform.settings)
    flow.fill()
    return flow


def queried(folder: Path, files: list[bytes], query: str) -> list[tuple[Any, ...]]:
    """Return what DuckDB reads in Parquet files, which the query calls ``files``."""
    import duckdb

    for number, content in enumerate(files):
        (folder / f"{number}.parquet").write_bytes(content)
    with duckdb.connect(":memory:") as connection:
        source = f"read_parquet('{folder}/*.parquet')"
        found: list[tuple[Any, ...]] = connection.execute(query.replace("files", source)).fetchall()
        return found


def test_joined_returns_are_a_quarter_of_their_csv_and_the_same_rows(
    unloads: Unloads, tmp_path: Path
) -> None:
    notice = unloads.notice(unloads.unload("returned_items"))
    files = unloads.files(notice)

    csv_bytes, parquet_bytes = demo.sizes_of_forms(unloads.deployed)
    tables = data.sales()
    by_item: dict[Any, int] = {}
    for row in tables["web_returns"].rows:
        by_item[row[2]] = by_item.get(row[2], 0) + 1
    expected = sum(by_item.get(row[2], 0) for row in tables["store_returns"].rows)
    total = sum(by_item.get(row[2], 0) * float(str(row[8])) for row in tables["store_returns"].rows)
    [(count, amount)] = queried(tmp_path, files, "SELECT count(*), sum(sr_return_amt) FROM files")

    assert parquet_bytes <= MOST_OF_CSV * csv_bytes
    assert (notice["bytes"], notice["files"]) == (sum(map(len, files)), len(files))
    assert count == expected
    assert amount == pytest.approx(total)
    keys = {one["location"] for one in [notice]}
    assert keys == {f"s3://{unloads.out}/unload/returned_items/{notice['run']}/"}


def test_the_returns_of_a_customer_are_lines_of_json(unloads: Unloads) -> None:
    notice = unloads.notice(unloads.unload("customer_returns", **REQUESTS["customer_returns"]))

    rows = [row for content in unloads.files(notice) for row in lines(content)]

    columns = data.sales()["catalog_returns"].columns
    wanted = [
        dict(zip(columns, row, strict=True))
        for row in data.sales()["catalog_returns"].rows
        if row[:2] == [data.RETURNED, data.CUSTOMER]
    ]
    assert sorted(rows, key=str) == sorted(wanted, key=str)


def test_features_of_a_group_equal_the_prepared_statement(unloads: Unloads, tmp_path: Path) -> None:
    notice = unloads.notice(unloads.unload("discount_features", **demo.FEATURES))

    found = queried(tmp_path, unloads.files(notice), "SELECT * FROM files ORDER BY i_item_id")
    statement = "EXECUTE discount_features USING 'M', 'M', '4 yr Degree', 2001"
    execution = demo.run_query(unloads.deployed, statement)
    answer = unloads.aws.client("athena").get_query_results(
        QueryExecutionId=execution["QueryExecutionId"]
    )["ResultSet"]["Rows"][1:]
    expected = sorted([one.get("VarCharValue") for one in row["Data"]] for row in answer)
    assert [row[0] for row in found] == [row[0] for row in expected]
    assert [row[1] for row in found] == pytest.approx([float(row[1]) for row in expected])
    assert found


def test_a_second_day_adds_its_reviews_and_the_first_stays_readable(
    unloads: Unloads, tmp_path: Path
) -> None:
    first = unloads.notice(unloads.unload("reviews"))
    added = unloads.add_reviews("2026-12-01")

    second = unloads.notice(unloads.unload("reviews"))

    counts = []
    for number, notice in enumerate((first, second)):
        folder = tmp_path / str(number)
        folder.mkdir()
        [(count, days)] = queried(
            folder, unloads.files(notice), "SELECT count(*), count(DISTINCT day) FROM files"
        )
        counts.append((count, days))
    assert counts[1] == (counts[0][0] + added, counts[0][1] + 1)
    pointer = unloads.pointer("reviews")
    assert (pointer["run"], pointer["previous"]) == (second["run"], first["run"])


def test_a_failed_query_leaves_the_files_of_before(unloads: Unloads) -> None:
    before = unloads.notice(unloads.unload("reviews"))
    files = unloads.files(before)

    with unloads.broken_reviews():
        failed = unloads.unload("reviews")

    assert failed.status == "FAILED"
    assert unloads.pointer("reviews")["run"] == before["run"]
    assert unloads.files(unloads.pointer("reviews")) == files
    assert unloads.failed_message(failed)["event"]["detail"]["useCase"] == "reviews"


def test_a_bad_request_is_queued(unloads: Unloads) -> None:
    ended = unloads.unload("discount_features", gender="M' OR 1=1 --")

    assert (ended.status, ended.error) == ("FAILED", "InvalidRequest")


def test_a_value_that_looks_like_sql_finds_nothing(unloads: Unloads) -> None:
    parameters = {**demo.FEATURES, "gender": "M' OR '1'='1"}

    notice = unloads.notice(unloads.unload("discount_features", **parameters))

    assert unloads.files(notice) == []


def test_the_clean_up_keeps_the_current_run_and_other_folders(unloads: Unloads) -> None:
    client, old = unloads.aws.client("s3"), "unload/reviews/20200101T000000-old/file"
    other = "unload/reviews2/20200101T000000-old/file"
    for key in (old, other):
        client.upload_fileobj(io.BytesIO(b"rows"), unloads.out, key)

    notice = unloads.notice(unloads.unload("reviews"))

    found = client.list_objects_v2(Bucket=unloads.out, Prefix="unload/reviews")["Contents"]
    keys = {one["Key"] for one in found}
    assert old not in keys
    assert other in keys
    assert unloads.files(notice)
