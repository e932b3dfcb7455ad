"""PlanUnload: a request becomes a query with bound parameters and a folder of its own."""

from __future__ import annotations

from typing import Any

import pytest

from athena_unload.errors import InvalidRequest
from athena_unload.plan_unload import handler, run_name
from athena_unload.use_cases import USE_CASES, literal
from tests.support.functions import LambdaContext

FEATURES = {"gender": "M", "maritalStatus": "M", "education": "4 yr Degree", "year": 2001}


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPUT_BUCKET", "out")


def plan(detail: Any) -> dict[str, Any]:
    task = {"event": {"detail": detail}, "execution": "e_1", "startedAt": "2026-11-30T01:02:03.4Z"}
    return handler(task, LambdaContext())


def test_a_request_becomes_a_query_into_a_folder_of_its_own() -> None:
    found = plan({"useCase": "reviews"})

    assert found["location"] == "s3://out/unload/reviews/20261130T010203-e_1/"
    assert found["query"] == (
        f"UNLOAD (SELECT * FROM reviews) TO '{found['location']}' "
        "WITH (format = 'PARQUET', compression = 'SNAPPY')"
    )
    assert (found["parameters"], found["crawler"]) == ([], "reviews")


def test_parameters_are_literals_in_the_order_of_the_question_marks() -> None:
    found = plan({"useCase": "discount_features", "parameters": FEATURES})

    assert found["parameters"] == ["'M'", "'M'", "'4 yr Degree'", "2001"]


def test_every_use_case_has_a_question_mark_for_each_parameter() -> None:
    for use_case in USE_CASES.values():
        assert use_case.query.count("?") == len(use_case.parameters)


@pytest.mark.parametrize(
    ("detail", "message"),
    [
        ({}, "useCase"),
        ({"useCase": "other"}, "must be returned_items"),
        ({"useCase": "reviews", "parameters": []}, "must be an object"),
        ({"useCase": "reviews", "parameters": {"x": 1}}, "unknown parameters: x"),
        ({"useCase": "customer_returns", "parameters": {"customer": 1}}, "returnedDate is not a"),
        (
            {"useCase": "customer_returns", "parameters": {"customer": True, "returnedDate": 1}},
            "customer is not a whole number",
        ),
        ({"useCase": "discount_features", "parameters": {**FEATURES, "gender": "\n"}}, "control"),
        ({"useCase": "discount_features", "parameters": {**FEATURES, "gender": "M" * 201}}, "200"),
    ],
)
def test_a_bad_request_is_refused(detail: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        plan(detail)


def test_a_quote_stays_within_its_literal() -> None:
    assert literal("name", "' OR 1=1 --", str) == "''' OR 1=1 --'"


def test_runs_sort_by_time_and_hold_no_slash() -> None:
    first, second = (run_name(f"2026-11-{day}T00:00:00.000Z", "a/b c") for day in ("01", "02"))

    assert first < second
    assert "/" not in first + second
