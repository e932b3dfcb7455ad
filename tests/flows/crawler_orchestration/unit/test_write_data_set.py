"""WriteDataSet: every file is written, and what it reports is what it wrote."""

from __future__ import annotations

from typing import Any

import pytest

from crawler_orchestration import write_data_set
from crawler_orchestration.data_sets import LOCATIONS, USERS_BY_DAY
from tests.support.functions import LambdaContext

YEAR = {"dataSet": USERS_BY_DAY, "firstYear": 2019, "lastYear": 2019}


class S3:
    """The call of S3 that the function uses, on a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.fails_at = ""

    def put_object(self, **given: Any) -> None:
        """Keep an object."""
        if given["Key"] == self.fails_at:
            raise OSError("no connection")
        assert given["Bucket"] == "data"
        self.objects[given["Key"]] = given["Body"]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> S3:
    found = S3()
    monkeypatch.setenv("DATA_BUCKET", "data")
    monkeypatch.setattr(write_data_set, "client", lambda _: found)
    return found


def test_the_report_is_what_was_written(s3: S3) -> None:
    report = write_data_set.handler(YEAR, LambdaContext())

    assert report["dataSet"] == USERS_BY_DAY
    assert report["files"] == len(s3.objects) == 365
    assert report["bytes"] == sum(map(len, s3.objects.values()))
    assert report["records"] == b"".join(s3.objects.values()).count(b"\n") == 365 * 11


def test_a_second_call_writes_the_same_files(s3: S3) -> None:
    first = write_data_set.handler(YEAR, LambdaContext())
    before = dict(s3.objects)

    assert write_data_set.handler(YEAR, LambdaContext()) == first
    assert s3.objects == before


def test_all_time_has_a_file_for_each_location(s3: S3) -> None:
    report = write_data_set.handler({**YEAR, "dataSet": LOCATIONS}, LambdaContext())

    assert report["files"] == report["records"] == 6
    assert "data/all-time-location-summaries/seattle.json" in s3.objects


def test_a_file_that_cannot_be_written_fails_the_call(s3: S3) -> None:
    s3.fails_at = f"data/{USERS_BY_DAY}/year=2019/month=12/date=2019-12-31/summaries.json"

    with pytest.raises(OSError, match="no connection"):
        write_data_set.handler(YEAR, LambdaContext())
