"""The state machine reaches the right end, however the other account's API answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator, validate
from statelint.linter import Linter

from ops.terraform.docs import definition
from ops.terraform.templates import FLOWS, OPENAPI, render
from tests.flows.cross_account_workflow.support.accounts import FLOW
from tests.support.functions import API
from tests.support.state_machine import Ended, StateMachine, running_state_machine

STEPS = [
    "ReadRequest",
    "StartTarget",
    "WaitForTarget",
    "DescribeTarget",
    "HasEnded",
]
FAILURE = ["CatchErrors", "RunFailed"]
TABLE = "{'audits':'x'}"


def rendered() -> str:
    """Return the definition with values that it can run with."""
    text = definition(FLOW).replace("$lookup(hosts,", f"$lookup({TABLE},")
    text = text.replace("$lookup(stages,", f"$lookup({TABLE},")
    return text.replace('"{% 60 %}"', "1")


def scripted(text: str) -> str:
    """Return the definition with a function, which a test scripts, in place of the API."""
    machine = json.loads(text)
    for name in ("StartTarget", "DescribeTarget"):
        state = machine["States"][name]
        state["Resource"] = "arn:aws:states:::lambda:invoke"
        given = "{% $states.context.Execution.Input.detail %}"
        payload = {"asked": state["Arguments"], "detail": given}
        state["Arguments"] = {
            "FunctionName": f"arn:aws:lambda:::function:{name}",
            "Payload": payload,
        }
    text = re.sub(r"ApiGateway\.(\w+)", r"ApiGateway\1", json.dumps(machine))
    return text.replace("$states.result.ResponseBody", "$states.result.Payload.run")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateMachine]:
    """The state machine with a scripted API."""
    folder = tmp_path_factory.mktemp(FLOW)
    with running_state_machine(folder, scripted(rendered())) as running:
        yield running


def run(
    machine: StateMachine,
    errors: dict[str, list[str | None]],
    status: str = "SUCCEEDED",
    **more: Any,
) -> Ended:
    """Run a request whose run in the other account has a status."""
    found: Any = {"status": status, "execution": "arn:b", "output": '{"n":1}', "error": "Any"}
    return machine.run(errors, **{"target": "audits", "input": {"a": 1}, "run": found, **more})


def test_the_definition_is_valid() -> None:
    assert Linter.validate(json.loads(rendered())) == []


def test_a_run_that_succeeds_gives_its_output(machine: StateMachine) -> None:
    ended = run(machine, {})

    assert ended.states == [*STEPS, "Succeeded"]
    assert ended.execution.answer == {"target": "audits", "execution": "arn:b", "output": {"n": 1}}
    asked = ended.calls["StartTarget"][0]["asked"]
    # The scenario is the event's id.
    assert asked["RequestBody"] == {"name": ended.execution.name, "input": {"a": 1}}
    assert asked["AuthType"] == "RESOURCE_POLICY"
    assert "stateMachineArn" not in json.dumps(asked)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_a_run_that_does_not_succeed_fails_here(machine: StateMachine, status: str) -> None:
    ended = run(machine, {}, status)

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "TargetFailed")
    assert ended.states == [*STEPS, "TargetHasFailed", *FAILURE]
    [caught] = ended.calls["CatchErrors"]
    assert status in caught["error"]["Cause"]


@pytest.mark.parametrize("state", ["StartTarget", "DescribeTarget"])
@pytest.mark.parametrize(
    "error", ["ApiGateway429", "ApiGateway500", "ApiGateway503", "ApiGatewaySdkClientException"]
)
def test_a_lost_answer_is_asked_for_again_by_the_same_name(
    machine: StateMachine, state: str, error: str
) -> None:
    ended = run(machine, {state: [error, None]})

    assert ended.execution.status == "SUCCEEDED"
    first, second = ended.calls[state]
    assert first == second


def test_a_run_that_was_started_before_is_followed(machine: StateMachine) -> None:
    ended = run(machine, {"StartTarget": ["ApiGateway409"]})

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states == [*STEPS[:2], *STEPS[3:], "Succeeded"]


@pytest.mark.parametrize("state", ["StartTarget", "DescribeTarget"])
@pytest.mark.parametrize("error", ["ApiGateway400", "ApiGateway403", "ApiGateway404"])
def test_a_refusal_is_kept_and_not_repeated(machine: StateMachine, state: str, error: str) -> None:
    ended = run(machine, {state: [error]})

    refused = (state, error) == ("StartTarget", "ApiGateway400")
    named = "InputRefused" if refused else error
    assert (ended.execution.status, ended.execution.error) == ("FAILED", named)
    assert len(ended.calls[state]) == 1
    assert ended.calls["CatchErrors"][0]["failedState"] == state


@pytest.mark.parametrize("target", ["nowhere", "", None, 1, {"a": "b"}, ["audits"], "toString"])
def test_a_target_that_is_none_is_refused(machine: StateMachine, target: Any) -> None:
    ended = run(machine, {}, target=target)

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "UnknownTarget")
    assert "StartTarget" not in ended.states


def test_a_run_that_does_not_end_is_late(tmp_path_factory: pytest.TempPathFactory) -> None:
    text = scripted(rendered().replace("1000 * 60", "1000 * 0"))
    with running_state_machine(tmp_path_factory.mktemp("late"), text) as machine:
        ended = run(machine, {}, "RUNNING")

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "TargetLate")


def test_the_api_of_the_target_is_openapi() -> None:
    text = render(FLOWS / FLOW / "target" / OPENAPI, {**API, "description": "d"})
    document = yaml.safe_load(text)

    validate(document, cls=OpenAPIV30SpecValidator)
    for operation in document["paths"]["/executions"].values():
        assert operation["security"] == [{"signature": []}]
