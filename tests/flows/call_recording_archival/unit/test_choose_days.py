"""The days that are due: one that an event names, or every day after the watermark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from call_recording_archival.choose_days import handler
from call_recording_archival.errors import InvalidEvent
from flowbridge.errors import ConfigurationError
from tests.support.functions import LambdaContext

NOON = "2026-11-30T23:00:00Z"


Choose = Callable[..., dict[str, Any]]
KEY = {"name": {"S": "watermark"}}


@pytest.fixture(autouse=True)
def table(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {
        "NUM_DAYS_AGE": "7",
        "MOST_DAYS": "3",
        "FIRST_DAY": "newest",
        "STATE_TABLE": "state",
    }.items():
        monkeypatch.setenv(name, value)
    aws("dynamodb").create_table(
        TableName="state",
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return aws("dynamodb")


@pytest.fixture
def choose(table: Any) -> Callable[..., dict[str, Any]]:
    """Return a function that chooses the days, given the watermark and the event."""

    def chosen(watermark: str | None = None, time: Any = NOON, **detail: Any) -> dict[str, Any]:
        table.delete_item(TableName="state", Key=KEY)
        if watermark:
            table.put_item(TableName="state", Item={**KEY, "day": {"S": watermark}})
        return handler({"time": time, "detail": detail}, LambdaContext())

    return chosen


def test_the_first_run_takes_the_day_that_is_due(choose: Choose) -> None:
    assert choose() == {"days": ["2026-11-23"], "watermark": "2026-11-23"}
    assert choose(specific_date="") == choose()


def test_the_first_run_may_begin_with_an_older_day(
    choose: Choose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRST_DAY", "2026-11-21")

    assert choose()["days"] == ["2026-11-21", "2026-11-22", "2026-11-23"]


def test_missed_days_are_caught_up_the_oldest_first(choose: Choose) -> None:
    assert choose("2026-11-21")["days"] == ["2026-11-22", "2026-11-23"]


def test_a_run_takes_no_more_days_than_it_may(choose: Choose) -> None:
    assert choose("2026-11-10") == {
        "days": ["2026-11-11", "2026-11-12", "2026-11-13"],
        "watermark": "2026-11-13",
    }


@pytest.mark.parametrize("watermark", ["2026-11-23", "2026-11-29"])
def test_a_second_run_of_a_day_has_nothing_to_do(choose: Choose, watermark: str) -> None:
    assert choose(watermark) == {"days": [], "watermark": None}


def test_a_day_by_hand_leaves_the_watermark(choose: Choose) -> None:
    assert choose("2026-11-20", specific_date="01/01/2022") == {
        "days": ["2022-01-01"],
        "watermark": None,
    }
    assert choose(specific_date="11/23/2026")["days"] == ["2026-11-23"]


def test_the_day_of_a_time_is_that_of_utc(choose: Choose) -> None:
    assert choose(time="2026-11-30T23:00:00-05:00")["days"] == ["2026-11-24"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("11/24/2026", "2026-11-23 or earlier"),
        ("02/30/2022", "must exist"),
        ("2022-01-01", "MM/DD/YYYY"),
        (" ", "MM/DD/YYYY"),
        (7, "specific_date"),
    ],
)
def test_a_wrong_day_is_refused(choose: Choose, text: Any, reason: str) -> None:
    with pytest.raises(InvalidEvent, match=reason):
        choose(specific_date=text)


@pytest.mark.parametrize("time", [None, "yesterday", 7])
def test_an_event_without_a_time_is_refused(choose: Choose, time: Any) -> None:
    with pytest.raises(InvalidEvent, match="time"):
        choose(time=time)


def test_an_event_without_detail_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="detail"):
        handler(None, LambdaContext())


def test_a_setting_that_is_no_number_is_named(
    choose: Choose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUM_DAYS_AGE", "seven")

    with pytest.raises(ConfigurationError, match="NUM_DAYS_AGE"):
        choose()
