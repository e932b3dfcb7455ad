"""The expressions of the state machine, for every form of an event and of a failure."""

from __future__ import annotations

import json
from typing import Any

import jsonata  # type: ignore[import-untyped]
import pytest
import yaml

from ops.flows.databrew_chain import as_csv, customers
from ops.settings import REPOSITORY
from tests.flows.databrew_chain.support.chain import report

FILE = REPOSITORY / "terraform" / "flows" / "databrew_chain" / "expressions.yaml"


def evaluate(name: str, states: dict[str, Any]) -> Any:
    text = yaml.safe_load(FILE.read_text(encoding="utf-8"))[name]
    expression = jsonata.Jsonata(text.strip().removeprefix("{%").removesuffix("%}"))
    # A function of Step Functions' own.
    expression.register_lambda("parse", json.loads)
    frame = expression.create_frame()
    frame.bind("states", states)
    return json.loads(json.dumps(expression.evaluate(None, frame)))


@pytest.mark.parametrize(
    ("detail", "is_valid"),
    [
        (report(), True),
        ({**report(), "message": None}, True),
        (report("a/b"), False),
        ({**report(), "jobRunId": 7}, False),
        ({**report(), "state": None}, False),
        ({"jobName": "x"}, False),
        ("text", False),
        (None, False),
    ],
)
def test_only_a_state_of_a_run_is_taken(detail: Any, is_valid: bool) -> None:
    given = {} if detail is None else {"detail": detail}

    assert evaluate("valid", {"input": given}) is is_valid


def test_a_long_message_is_cut() -> None:
    run = evaluate("run", {"input": {"detail": report("db_1", message="x" * 9000)}})

    assert (run["id"], run["previous"]) == ("db_1", "none")
    assert len(run["message"]) == 500


def test_a_run_that_failed_is_named_by_its_message() -> None:
    run = {"RunId": "db_1", "JobName": "target", "State": "FAILED", "ErrorMessage": "no data"}
    output = {"Error": "States.TaskFailed", "Cause": json.dumps(run)}

    assert evaluate("failure", {"errorOutput": output})["error"] == {
        "Error": "TargetJobFailed",
        "Cause": "The run db_1 of target ended as FAILED: no data",
    }


@pytest.mark.parametrize(
    "output",
    [
        {"Error": "DataBrew.AWSGlueDataBrewException", "Cause": "denied"},
        {"Error": "States.Timeout"},
    ],
)
def test_a_call_that_failed_keeps_its_error(output: dict[str, str]) -> None:
    assert evaluate("failure", {"errorOutput": output})["error"] == output


def test_customers_are_always_the_same() -> None:
    assert list(customers(20)) == list(customers(20))
    assert as_csv(3).count("\n") == 4


@pytest.mark.parametrize(
    ("resources", "previous"),
    [
        ([], "none"),
        (["flowbridge:origin:1"], "none"),
        (["flowbridge:origin:1", "arn::execution:m:a"], "arn::execution:m:a"),
        (["arn::execution:m:a", "arn::execution:m:b"], "arn::execution:m:b"),
    ],
)
def test_a_redriven_event_names_the_execution_that_failed(
    resources: list[str], previous: str
) -> None:
    run = evaluate("run", {"input": {"detail": report(), "resources": resources}})

    assert run["previous"] == previous
