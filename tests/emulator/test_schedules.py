"""The emulator calls the targets of schedules at their time, and repeats calls that fail."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from emulator.patches.scheduler.calls import CallError, Invocation, deliver
from emulator.patches.scheduler.requests import group_of
from emulator.patches.scheduler.sweeps import Sweeps

JsonObject = dict[str, Any]

KEY = ("1", "us-east-1", "nightly/nightly")
MADE = datetime(2026, 11, 30, 12, 0, 30, tzinfo=UTC)
ARN = "arn:aws:scheduler:us-east-1:1:schedule/nightly/nightly"


class Day:
    """A schedule, and a clock that is moved."""

    def __init__(self, expression: str, zone: str = "UTC", **more: Any) -> None:
        self.now = MADE.timestamp()
        self.moments: list[str] = []
        schedule = {
            "State": "ENABLED",
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": zone,
            "LastModificationDate": self.now,
            **more,
        }
        self.schedules = {KEY: schedule}
        scheduler = SimpleNamespace(
            _schedules=SimpleNamespace(_data=self.schedules), _to_epoch=lambda value: value
        )
        events = SimpleNamespace(
            _parse_rate_seconds=lambda text: 60 if text.startswith("rate") else None,
            _parse_cron_fields=lambda text: text if text.startswith("cron") else None,
            # At 23:50 of the day, in the zone of the moment.
            _cron_next_fire=lambda _, after: next_at(after, 23, 50),
        )

        def call(account: str, region: str, _: JsonObject, moment: float) -> None:
            assert (account, region) == KEY[:2]
            self.moments.append(f"{datetime.fromtimestamp(moment, UTC):%d %H:%M:%S}")

        self._sweeps = Sweeps(scheduler, events, call, lambda: self.now)

    def after(self, **time: float) -> list[str]:
        """Return the moments of the calls so far, once this time has passed."""
        self.now += timedelta(**time).total_seconds()
        self._sweeps.sweep()
        return self.moments


def next_at(after: datetime, hour: int, minute: int) -> datetime:
    found = after.replace(hour=hour, minute=minute, second=0)
    return found if found > after else found + timedelta(days=1)


def test_a_rate_calls_at_each_interval_without_drifting() -> None:
    day = Day("rate(1 minute)")

    assert day.after(seconds=59) == []
    assert day.after(seconds=1.4) == ["30 12:01:30"]
    assert day.after(seconds=59.8) == ["30 12:01:30", "30 12:02:30"]
    # After a pause of the computer it calls once.
    assert day.after(hours=1)[2:] == ["30 13:02:30"]


def test_cron_is_read_in_the_time_zone_of_the_schedule() -> None:
    day = Day("cron(50 23 * * ? *)", "Europe/Vienna")

    assert day.after(hours=10) == []
    assert day.after(hours=1) == ["30 22:50:00"]
    assert day.after(hours=1) == ["30 22:50:00"]
    assert day.after(days=1) == ["30 22:50:00", "01 22:50:00"]


def test_at_calls_once_and_again_only_after_a_change() -> None:
    day = Day("at(2026-11-30T21:01:00)", "Asia/Tokyo")

    assert day.after(seconds=29) == []
    assert day.after(seconds=1) == ["30 12:01:00"]
    assert day.after(hours=1) == ["30 12:01:00"]
    day.schedules[KEY] |= {
        "ScheduleExpression": "at(2026-11-30T22:30:00)",
        "LastModificationDate": day.now,
    }
    assert day.after(hours=1) == ["30 12:01:00", "30 13:30:00"]


def test_a_schedule_that_is_complete_is_deleted_if_it_says_so() -> None:
    day = Day("at(2026-11-30T12:01:00)", ActionAfterCompletion="DELETE")

    day.after(minutes=1)

    assert day.schedules == {}


@pytest.mark.parametrize(
    "more",
    [
        {"State": "DISABLED"},
        {"StartDate": MADE.timestamp() + 3600},
        {"EndDate": MADE.timestamp() + 1},
    ],
)
def test_a_schedule_that_is_off_calls_nothing(more: JsonObject) -> None:
    assert Day("rate(1 minute)", **more).after(minutes=2) == []


class Delivery:
    """A delivery of one call that fails as often as it is given errors."""

    def __init__(self, *errors: CallError, **policy: int) -> None:
        self.errors = list(errors)
        self.inputs: list[str] = []
        self.letters: list[JsonObject] = []
        self.counted: list[str] = []
        self.now = MADE.timestamp()
        schedule = {
            "Arn": ARN,
            "Target": {
                "Arn": "arn:aws:lambda:us-east-1:1:function:f",
                "Input": "<aws.scheduler.execution-id> <aws.scheduler.attempt-number> <other>",
                "RetryPolicy": policy,
                "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:1:letters"},
            },
        }
        deliver(
            Invocation(schedule, self.now, "call"),
            self.call,
            self.letters.append,
            self.counted.append,
            "http://emulator",
            self.sleep,
            lambda: self.now,
        )

    def call(self, given: str) -> None:
        self.inputs.append(given)
        if self.errors:
            raise self.errors.pop(0)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of the one letter."""
        [letter] = self.letters
        return {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}


BUSY = CallError("ThrottlingException", "slow down", passes=True)
REFUSED = CallError("AccessDeniedException", "no")


def test_a_call_that_fails_for_the_moment_is_repeated() -> None:
    done = Delivery(BUSY, BUSY)

    assert done.inputs == ["call 1 <other>", "call 2 <other>", "call 3 <other>"]
    assert done.letters == []
    assert done.counted.count("TargetErrorCount") == 2


def test_a_call_that_is_refused_is_queued_at_once() -> None:
    done = Delivery(REFUSED)

    assert len(done.inputs) == 1
    assert done.letters[0]["QueueUrl"] == "http://emulator/1/letters"
    assert done.letters[0]["MessageBody"] == "call 1 <other>"
    assert done.attributes["ERROR_CODE"] == "AccessDeniedException"
    assert done.attributes["SCHEDULE_ARN"] == ARN
    assert done.counted[-2:] == ["InvocationDroppedCount", "InvocationsSentToDeadLetterCount"]


def test_retries_end_with_their_number() -> None:
    done = Delivery(*[BUSY] * 9, MaximumRetryAttempts=2)

    assert len(done.inputs) == 3
    assert done.attributes["RETRY_ATTEMPTS"] == "2"
    assert done.attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"


def test_retries_end_with_the_age_of_the_call() -> None:
    done = Delivery(*[BUSY] * 99, MaximumEventAgeInSeconds=60)

    # After pauses of 1, 2, 4, 8 and 16 seconds; the next would end too late.
    assert len(done.inputs) == 6
    assert done.attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"


@pytest.mark.parametrize(
    ("body", "query", "group"),
    [
        (json.dumps({"GroupName": "g"}).encode(), {}, "g"),
        (b"", {"groupName": ["g"]}, "g"),
        (b"{}", {}, "default"),
        (b"no JSON", {}, "default"),
    ],
)
def test_the_group_of_a_request_is_found(body: bytes, query: JsonObject, group: str) -> None:
    assert group_of(body, query) == group
