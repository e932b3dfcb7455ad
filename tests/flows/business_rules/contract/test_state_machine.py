"""The state machine of the business rules reaches the right end, whatever its states do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator, validate
from statelint.linter import Linter

from business_rules import execute_rules
from flowbridge.schema import read_schema
from ops.terraform.docs import definition
from ops.terraform.templates import FLOWS, OPENAPI, render
from tests.flows.business_rules.support.rules import FLOW, HIGH, MED
from tests.support.functions import API
from tests.support.state_machine import Ended, StateMachine, running_state_machine

FAILURE = ["CatchErrors", "RequestFailed"]
TAKEN = "ConditionalCheckFailedException"
SCHEMA = read_schema(execute_rules.__file__, "request.schema.json")


def scripted(text: str) -> str:
    """Return the definition with a function, which a test scripts, in place of DynamoDB."""
    machine = json.loads(text.replace("+ audit_seconds", "+ 60"))
    for name, state in machine["States"].items():
        if state.get("Resource", "").startswith("arn:aws:states:::dynamodb:"):
            state["Resource"] = "arn:aws:states:::lambda:invoke"
            given = "$detail" if name != "AuditRequest" else "$states.input.detail"
            payload = {"asked": state["Arguments"], "detail": f"{{% {given} %}}"}
            function = f"arn:aws:lambda:::function:{name}"
            state["Arguments"] = {"FunctionName": function, "Payload": payload}
    text = re.sub(r"DynamoDB\.(\w+Exception)", r"\1", json.dumps(machine))
    # The answers of the scripted functions stand for DynamoDB's answers.
    text = text.replace("$states.result.Attributes.times_asked.N", "$states.result.Payload.times")
    return text.replace("$states.result.Item.", "$states.result.Payload.item.")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateMachine]:
    """The state machine with scripted functions and tables."""
    folder = tmp_path_factory.mktemp(FLOW)
    with running_state_machine(folder, scripted(definition(FLOW))) as running:
        yield running


def run(machine: StateMachine, errors: dict[str, list[str | None]], **more: Any) -> Ended:
    """Run a request, the so manyeth with its id, whose kept answer is `item`."""
    return machine.run(errors, **{**HIGH, "times": "1", "item": {}, **more})


def test_the_definition_is_valid() -> None:
    assert Linter.validate(json.loads(definition(FLOW))) == []


def test_a_new_request_is_kept_answered_and_kept(machine: StateMachine) -> None:
    ended = run(machine, {})

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states == [
        "AuditRequest",
        "IsRepeated",
        "ExecuteRules",
        "AuditResponse",
        "HasAnswer",
        "Answered",
    ]
    values = ended.calls["AuditResponse"][0]["asked"]["ExpressionAttributeValues"]
    assert values[":kind"] == {"S": "answer"}


def test_a_repeated_request_gets_the_kept_answer(machine: StateMachine) -> None:
    kept = {"answer_kind": {"S": "answer"}, "raw_data": {"S": '{"premium":"360"}'}}

    ended = run(machine, {}, times="2", item=kept)

    assert ended.execution.status == "SUCCEEDED"
    assert json.loads(ended.execution.output or "") == {"response": {"premium": "360"}}
    assert "ExecuteRules" not in ended.states


@pytest.mark.parametrize("item", [{}, {"answer_kind": {"S": "error"}, "raw_data": {"S": "{}"}}])
def test_a_repeated_request_without_an_answer_is_tried_again(
    machine: StateMachine, item: dict[str, Any]
) -> None:
    ended = run(machine, {}, times="2", item=item)

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states[2:5] == ["FindAnswer", "IsAnswered", "ExecuteRules"]


def test_another_request_with_the_id_is_refused(machine: StateMachine) -> None:
    ended = run(machine, {"AuditRequest": [TAKEN]})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "RequestIdTaken")
    assert ended.states == ["AuditRequest", *FAILURE]


def test_of_two_at_once_both_get_the_answer_that_was_kept_first(machine: StateMachine) -> None:
    kept = {"answer_kind": {"S": "answer"}, "raw_data": {"S": '{"premium":"1"}'}}

    ended = run(machine, {"AuditResponse": [TAKEN]}, item=kept)

    assert json.loads(ended.execution.output or "") == {"response": {"premium": "1"}}
    assert ended.states[-3:] == ["FindAnswer", "IsAnswered", "Answered"]


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        ("InvalidRequest", 1),
        ("EngineRejected", 1),
        ("EngineAnswerInvalid", 1),
        ("ConfigurationError", 1),
        ("EngineUnavailable", 2),
        ("Runtime.ExitError", 2),
    ],
)
def test_an_error_of_the_engine_is_audited_and_queued(
    machine: StateMachine, error: str, tries: int
) -> None:
    ended = run(machine, {"ExecuteRules": [error] * 3})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", error)
    assert ended.states[2:] == ["ExecuteRules", "AuditResponse", "HasAnswer", *FAILURE]
    assert len(ended.calls["ExecuteRules"]) == tries
    values = ended.calls["AuditResponse"][0]["asked"]["ExpressionAttributeValues"]
    assert values[":kind"] == {"S": "error"}
    assert json.loads(values[":raw"]["S"]) == {"error": error}
    [caught] = ended.calls["CatchErrors"]
    assert (caught["failedState"], caught["error"]["Error"]) == ("ExecuteRules", error)
    assert caught["event"]["detail"]["request"] == HIGH["request"]


@pytest.mark.parametrize("state", ["AuditRequest", "FindAnswer", "AuditResponse"])
def test_no_answer_goes_out_without_its_audit(machine: StateMachine, state: str) -> None:
    ended = run(machine, {state: ["InternalServerError"] * 3}, times="2")

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "AuditFailed")
    assert ended.calls["CatchErrors"][0]["failedState"] == state
    assert len(ended.calls[state]) == 2


@pytest.mark.parametrize("state", ["AuditRequest", "FindAnswer", "AuditResponse"])
def test_a_failure_of_dynamodb_is_retried_once(machine: StateMachine, state: str) -> None:
    ended = run(machine, {state: ["InternalServerError"]}, times="2")

    assert ended.execution.status == "SUCCEEDED"
    first, second = ended.calls[state]
    assert first["asked"]["Key"] == second["asked"]["Key"]


def test_the_examples_are_what_they_say() -> None:
    for example in (HIGH, MED):
        jsonschema.validate(example, SCHEMA)


def test_the_api_is_openapi_and_its_example_is_good() -> None:
    request = {k: v for k, v in SCHEMA.items() if k not in ("$schema", "title")}
    values = {**API, "description": "d", "request": request}
    document = yaml.safe_load(render(FLOWS / FLOW / OPENAPI, values))

    validate(document, cls=OpenAPIV30SpecValidator)
    operation = document["paths"]["/ExecuteRuleSet"]["post"]
    assert operation["security"] == [{"signature": []}]
    content = operation["requestBody"]["content"]["application/json"]
    jsonschema.validate(content["example"], SCHEMA)
    assert content["example"] == HIGH
