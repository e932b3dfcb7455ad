"""A failing batch of stream records is repeated, split or given up, as its mapping says."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.patches.dynamodb_streams import (
    RETRIES_EXHAUSTED,
    TOO_OLD,
    Batch,
    Limits,
    Next,
    after,
    failure_record,
)

NOW = 1000.0
FAILED = {"error": True, "body": {"errorType": "ValueError"}}
PARTIAL = Limits(reports=True)


def records(*numbers: int, created: float = NOW) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"dynamodb": {"SequenceNumber": str(n), "ApproximateCreationDateTime": created}}
        for n in numbers
    )


def numbers_of(follows: Next) -> list[list[str]]:
    return [[r["dynamodb"]["SequenceNumber"] for r in b.records] for b in follows.repeated]


def reported(*numbers: str | None) -> dict[str, Any]:
    return {"body": {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}}


def test_a_success_is_the_end_of_a_batch() -> None:
    assert after(Batch(records(1, 2)), {"body": None}, Limits(), NOW) == Next()


def test_without_a_limit_a_batch_is_repeated_for_ever() -> None:
    follows = after(Batch(records(1), failures=10_000), FAILED, Limits(), NOW)

    assert follows == Next(repeated=(Batch(records(1), failures=10_001),))


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_batch_is_given_up_after_its_retries(retries: int) -> None:
    batch, limits, invocations = Batch(records(1, 2)), Limits(retries=retries), 0
    follows = Next(repeated=(batch,))
    while follows.repeated:
        [batch] = follows.repeated
        follows = after(batch, FAILED, limits, NOW)
        invocations += 1

    assert invocations == retries + 1
    assert follows.condition == RETRIES_EXHAUSTED
    assert follows.given_up == Batch(records(1, 2), failures=retries + 1)


def test_a_split_keeps_the_order_and_is_no_retry() -> None:
    limits = Limits(retries=0, bisects=True)
    follows = after(Batch(records(1, 2, 3)), FAILED, limits, NOW)

    assert numbers_of(follows) == [["1"], ["2", "3"]]
    assert {batch.failures for batch in follows.repeated} == {0}
    assert after(Batch(records(1)), FAILED, limits, NOW).given_up == Batch(records(1), failures=1)


def test_a_batch_is_repeated_from_the_first_record_that_failed() -> None:
    follows = after(Batch(records(1, 2, 3), failures=2), reported("3", "2"), PARTIAL, NOW)

    assert follows == Next(repeated=(Batch(records(2, 3)),))


@pytest.mark.parametrize("answer", [reported("9"), reported(None), reported("2", "")])
def test_an_answer_that_names_no_record_reports_all(answer: dict[str, Any]) -> None:
    follows = after(Batch(records(1, 2)), answer, PARTIAL, NOW)

    assert follows == Next(repeated=(Batch(records(1, 2), failures=1),))


@pytest.mark.parametrize("body", [None, {}, "{}", "no json", {"batchItemFailures": []}])
def test_an_answer_without_failures_reports_none(body: Any) -> None:
    assert after(Batch(records(1)), {"body": body}, PARTIAL, NOW) == Next()


def test_failures_are_reported_only_if_the_mapping_asks() -> None:
    assert after(Batch(records(1)), reported("1"), Limits(), NOW) == Next()


def test_old_records_are_given_up_whatever_their_retries() -> None:
    old = Batch(records(1, created=NOW - 61))

    assert after(old, FAILED, Limits(age=60), NOW).condition == TOO_OLD
    assert after(old, FAILED, Limits(age=61), NOW).condition == ""


def test_limits_are_those_of_the_mapping() -> None:
    mapping = {
        "MaximumRetryAttempts": 0,
        "MaximumRecordAgeInSeconds": 60,
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }

    assert Limits.of(mapping) == Limits(retries=0, age=60, bisects=True, reports=True)
    assert Limits.of({"MaximumRetryAttempts": None}) == Limits()


def test_a_destination_gets_the_place_of_the_records() -> None:
    function, stream = "arn:aws:lambda:r:1:function:f:live", "arn:stream"
    batch = Batch(records(4, 5), failures=3)
    found = failure_record(batch, RETRIES_EXHAUSTED, function, stream, FAILED, NOW)

    assert found["DDBStreamBatchInfo"] == {
        "shardId": "shardId-00000000000000000000-00000000",
        "startSequenceNumber": "4",
        "endSequenceNumber": "5",
        "approximateArrivalOfFirstRecord": "1970-01-01T00:16:40.000+00:00",
        "approximateArrivalOfLastRecord": "1970-01-01T00:16:40.000+00:00",
        "batchSize": 2,
        "streamArn": stream,
    }
    assert found["requestContext"]["approximateInvokeCount"] == 3
    assert found["responseContext"]["functionError"] == "Unhandled"
