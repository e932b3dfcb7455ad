"""AWS's quotas: the buckets by an injected clock, and the setting that scales them."""

from __future__ import annotations

import json
from datetime import date

import pytest

from emulator.quotas import FILE, Quotas, TokenBucket, scale_of

ACCOUNT, OTHER_ACCOUNT = "111111111111", "222222222222"
REGION = "us-east-1"
DESCRIBE = (ACCOUNT, REGION, "states", "DescribeExecution")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds


def test_a_bucket_starts_full_refills_with_time_and_never_holds_more() -> None:
    clock = Clock()
    bucket = TokenBucket(3, 2, clock.now)

    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.seconds += 0.4
    assert not bucket.take()
    clock.seconds += 0.1
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.seconds += 1000
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_a_claim_waits_for_the_tokens_of_those_before_it() -> None:
    clock = Clock()
    bucket = TokenBucket(2, 4, clock.now)

    assert [bucket.claim() for _ in range(4)] == [0, 0, 0.25, 0.5]
    clock.seconds += 0.5
    assert bucket.claim() == 0.25


def test_each_account_region_and_action_has_a_bucket_of_its_own() -> None:
    quotas = Quotas(now=Clock().now)

    assert [quotas.admits(*DESCRIBE) for _ in range(301)] == [True] * 300 + [False]
    assert quotas.admits(OTHER_ACCOUNT, *DESCRIBE[1:])
    assert quotas.admits(ACCOUNT, "eu-west-1", *DESCRIBE[2:])
    assert quotas.admits(ACCOUNT, REGION, "states", "ListExecutions")
    assert all(quotas.admits(ACCOUNT, REGION, "states", "TagResource") for _ in range(9999))


def test_actions_with_a_combined_quota_share_a_bucket() -> None:
    quotas = Quotas(0.0002, Clock().now)
    read = [(ACCOUNT, REGION, "secretsmanager", a) for a in ("GetSecretValue", "DescribeSecret")]

    assert [quotas.admits(*call) for call in [*read, *read]] == [True, True, False, False]


def test_a_scale_multiplies_buckets_rates_and_limits() -> None:
    clock = Clock()
    quotas = Quotas(0.1, clock.now)

    assert [quotas.admits(*DESCRIBE) for _ in range(31)] == [True] * 30 + [False]
    clock.seconds += 1
    assert [quotas.admits(*DESCRIBE) for _ in range(2)] == [True, False]
    assert quotas.limit("lambda_concurrency") == 100


def test_which_short_polls_find_nothing_depends_on_the_seed_alone() -> None:
    def polls(seed: int) -> list[bool]:
        quotas = Quotas(seed=seed)
        return [quotas.short_poll_finds_nothing() for _ in range(1000)]

    assert polls(1) == polls(1) != polls(2)
    assert 200 < sum(polls(1)) < 400


@pytest.mark.parametrize(("setting", "scale"), [("aws", 1), ("aws:0.1", 0.1), ("aws:2", 2)])
def test_a_setting_has_a_scale(setting: str, scale: float) -> None:
    assert scale_of(setting) == scale


@pytest.mark.parametrize(
    "setting", ["", "yes", "AWS", "aws:", "aws:0", "aws:-1", "aws:x", "aws:inf"]
)
def test_another_setting_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match=r"^.*$"):
        scale_of(setting)


def test_each_number_names_its_page_and_the_day_on_which_both_were_compared() -> None:
    read = json.loads(FILE.read_text())

    for entry in [*read["buckets"], *read["limits"].values()]:
        assert entry["source"].startswith("https://")
        if entry["compared"] is not None:
            assert date.fromisoformat(entry["compared"]) <= date.today()
    assert all(bucket["refill"] > 0 and bucket["capacity"] > 0 for bucket in read["buckets"])
