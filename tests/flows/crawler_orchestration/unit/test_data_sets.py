"""The data sets: the same each time, one file a day, and the same sum in all three."""

from __future__ import annotations

import json
from datetime import date

import pytest

from crawler_orchestration.data_sets import (
    LOCATIONS,
    LOCATIONS_BY_DAY,
    MOST_USAGE,
    STATES,
    USERS,
    USERS_BY_DAY,
    files,
    key_of,
    lines,
    usage,
    usage_in,
)

DAILY = (USERS_BY_DAY, LOCATIONS_BY_DAY)


@pytest.mark.parametrize("data_set", [*DAILY, LOCATIONS])
def test_files_are_the_same_each_time(data_set: str) -> None:
    assert list(files(data_set, 2019, 2020)) == list(files(data_set, 2019, 2020))


@pytest.mark.parametrize("data_set", DAILY)
def test_every_day_has_a_file_in_its_folders(data_set: str) -> None:
    keys = [key for key, _ in files(data_set, 2016, 2021)]

    assert len(set(keys)) == len(keys) == 2192
    leap_day = f"data/{data_set}/year=2020/month=02/date=2020-02-29/summaries.json"
    assert leap_day in keys
    assert key_of(data_set, date(2020, 2, 29)) == leap_day


def test_all_data_sets_have_the_same_usage() -> None:
    sums = {
        sum(usage_in(records) for _, records in files(name, 2016, 2021))
        for name in (*DAILY, LOCATIONS)
    }

    assert len(sums) == 1


def test_years_make_the_sum_of_all() -> None:
    years = [
        sum(usage_in(records) for _, records in files(USERS_BY_DAY, year, year))
        for year in (2016, 2017, 2018)
    ]

    assert sum(years) == sum(usage_in(r) for _, r in files(USERS_BY_DAY, 2016, 2018))


def test_the_first_of_six_years_has_a_sixth_of_the_bytes() -> None:
    sizes = {key.split("/")[2]: 0 for key, _ in files(USERS_BY_DAY, 2016, 2021)}
    for key, records in files(USERS_BY_DAY, 2016, 2021):
        sizes[key.split("/")[2]] += len(lines(records))

    assert sizes["year=2016"] / sum(sizes.values()) == pytest.approx(1 / 6, abs=0.003)


def test_locations_have_all_users() -> None:
    records = [one for _, found in files(LOCATIONS, 2020, 2020) for one in found]

    assert {one["name"]: one["state"] for one in records} == STATES
    assert sum(one["users"] for one in records) == len(USERS) == 11


def test_usage_is_a_small_number() -> None:
    values = {usage(user, date(2020, 1, day)) for user in USERS for day in range(1, 32)}

    assert min(values) >= 1
    assert max(values) <= MOST_USAGE


def test_a_record_is_a_line() -> None:
    records = [{"user": "li", "usage": 1}, {"user": "jane", "usage": 2}]

    assert [json.loads(line) for line in lines(records).splitlines()] == records
