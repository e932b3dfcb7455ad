"""The user onboarding's state machine reaches the right end, whatever its states do."""

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

from ops.settings import REPOSITORY
from ops.terraform.docs import definition
from ops.terraform.templates import FLOWS, OPENAPI, render
from tests.support.functions import API
from tests.support.state_machine import Ended, StateMachine, running_state_machine
from user_onboarding.signup import load_schema

FLOW = "user_onboarding"
SIGNUP = {"tenantId": "acme", "userId": "ada", "email": "ada@example.com", "name": "Ada"}
STEPS = ["ReceiveSignup", "CreateUser", "SendWelcomeEmail", "CreateUserSpace", "NotifyTeam"]
#: What is undone when a step fails for good. A step that failed may have done its work.
UNDONE = {
    "ReceiveSignup": [],
    "CreateUser": ["RemoveUser"],
    "SendWelcomeEmail": ["RemoveUser"],
    "CreateUserSpace": ["RemoveUserSpace", "RemoveUser"],
    "NotifyTeam": ["RemoveUserSpace", "RemoveUser"],
}
FAILURE = ["CatchErrors", "OnboardingFailed"]
TAKEN = "ConditionalCheckFailedException"
#: As in the rendered definition: one call and its repetitions.
TRIES = 4


def scripted(text: str) -> str:
    """Return the definition with a function, which a test scripts, in place of each service."""
    machine = json.loads(text)
    for name, state in machine["States"].items():
        if state["Type"] == "Task" and state["Resource"] != "arn:aws:states:::lambda:invoke":
            state.pop("Credentials", None)
            state["Resource"] = "arn:aws:states:::lambda:invoke"
            detail = {"scenario": "{% $signup.scenario %}", "Item": "{% $signup.user %}"}
            payload = {"asked": state["Arguments"], "detail": detail}
            function = f"arn:aws:lambda:::function:{name}"
            state["Arguments"] = {"FunctionName": function, "Payload": payload}
    # A function's errors have no prefix, and its answer is in the payload.
    text = re.sub(r"(DynamoDB|SesV2)\.(\w+Exception)", r"\2", json.dumps(machine))
    text = text.replace("$states.result.Item", "$states.result.Payload.Item")
    return text.replace("$states.context.Execution.Input.resources", "$signup.resources")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateMachine]:
    """The state machine with scripted functions and services."""
    folder = tmp_path_factory.mktemp("user_onboarding")
    with running_state_machine(folder, scripted(definition(FLOW))) as running:
        yield running


def run(machine: StateMachine, errors: dict[str, list[str | None]], **more: Any) -> Ended:
    """Run a sign-up of a user whose record is `user` and whose event names `resources`."""
    return machine.run(errors, **{**SIGNUP, "user": {}, "resources": [], **more})


def test_the_definition_is_valid() -> None:
    assert Linter.validate(json.loads(definition(FLOW))) == []


def test_a_good_signup_goes_through_every_step_once(machine: StateMachine) -> None:
    ended = run(machine, {})

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states == STEPS


@pytest.mark.parametrize("step", STEPS)
def test_what_fails_for_good_is_undone_in_reverse_and_kept(
    machine: StateMachine, step: str
) -> None:
    ended = run(machine, {step: ["NobodyThoughtOfIt"] * 20})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "NobodyThoughtOfIt")
    assert ended.states == [*STEPS[: STEPS.index(step) + 1], *UNDONE[step], *FAILURE]
    [caught] = ended.calls["CatchErrors"]
    assert (caught["failedState"], caught["notUndone"]) == (step, [])
    assert caught["event"] == ended.calls["ReceiveSignup"][0]
    assert caught["execution"] == ended.execution.arn


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("ReceiveSignup", "InvalidSignup"),
        ("SendWelcomeEmail", "MessageRejectedException"),
        ("NotifyTeam", "WebhookRejected"),
        ("NotifyTeam", "ConfigurationError"),
    ],
)
def test_a_permanent_error_is_not_repeated(machine: StateMachine, step: str, error: str) -> None:
    ended = run(machine, {step: [error]})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", error)
    assert len(ended.calls[step]) == 1


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("CreateUser", "ThrottlingException"),
        ("SendWelcomeEmail", "TooManyRequestsException"),
        ("CreateUserSpace", "S3Exception"),
        ("NotifyTeam", "WebhookUnavailable"),
    ],
)
def test_a_transient_error_is_repeated(machine: StateMachine, step: str, error: str) -> None:
    ended = run(machine, {step: [error, None]})

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states == STEPS
    assert len(ended.calls[step]) == 2


def test_the_same_signup_again_changes_nothing(machine: StateMachine) -> None:
    user = record("arn:of:another:execution")

    ended = run(machine, {"CreateUser": [TAKEN]}, user=user)

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states == [*STEPS[:2], "FindUser", "WhoseUser", "AlreadyOnboarded"]


@pytest.mark.parametrize("other", [{"email": "eve@example.com"}, {"name": "Eve"}])
def test_another_users_id_is_refused_and_nothing_of_theirs_undone(
    machine: StateMachine, other: dict[str, str]
) -> None:
    ended = run(machine, {"CreateUser": [TAKEN]}, user=record("arn:of:theirs", **other))

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "UserExists")
    assert ended.states == [*STEPS[:2], "FindUser", "WhoseUser", "UserIsAnother", *FAILURE]


def test_a_user_who_was_left_behind_is_taken_over(machine: StateMachine) -> None:
    before = "arn:of:the:failed:execution"

    ended = run(machine, {"CreateUser": [TAKEN]}, user=record(before), resources=["x", before])

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states == [*STEPS[:2], "FindUser", "WhoseUser", "TakeOverUser", *STEPS[2:]]
    values = ended.calls["TakeOverUser"][0]["asked"]["ExpressionAttributeValues"]
    assert values == {":mine": {"S": ended.execution.arn}, ":before": {"S": before}}


def test_a_user_who_is_gone_by_then_is_made(machine: StateMachine) -> None:
    ended = run(machine, {"CreateUser": [TAKEN, None]})

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states == [*STEPS[:2], "FindUser", "WhoseUser", *STEPS[1:]]


@pytest.mark.parametrize("state", ["FindUser", "TakeOverUser"])
def test_a_user_of_whom_nothing_is_known_is_left_alone(machine: StateMachine, state: str) -> None:
    errors: dict[str, list[str | None]] = {"CreateUser": [TAKEN], state: ["Any"] * 20}

    ended = run(machine, errors, user=record("arn:before"), resources=["arn:before"])

    assert ended.execution.status == "FAILED"
    assert not {"RemoveUser", "RemoveUserSpace"} & set(ended.states)
    assert ended.calls["CatchErrors"][0]["failedState"] == state


@pytest.mark.parametrize(
    ("failing", "left"),
    [
        (["RemoveUserSpace"], ["CreateUserSpace"]),
        (["RemoveUser"], ["CreateUser"]),
        (["RemoveUserSpace", "RemoveUser"], ["CreateUserSpace", "CreateUser"]),
    ],
)
def test_undoing_goes_on_and_tells_what_it_left(
    machine: StateMachine, failing: list[str], left: list[str]
) -> None:
    errors: dict[str, list[str | None]] = {name: ["Any"] * 20 for name in failing}

    ended = run(machine, {"NotifyTeam": ["WebhookRejected"], **errors})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "WebhookRejected")
    assert ended.states == [*STEPS, "RemoveUserSpace", "RemoveUser", *FAILURE]
    assert ended.calls["CatchErrors"][0]["notUndone"] == left
    assert all(len(ended.calls[name]) == TRIES for name in failing)


def test_a_record_of_another_execution_is_not_undone(machine: StateMachine) -> None:
    ended = run(machine, {"SendWelcomeEmail": ["BadRequestException"], "RemoveUser": [TAKEN]})

    assert ended.execution.status == "FAILED"
    assert ended.calls["CatchErrors"][0]["notUndone"] == []
    assert len(ended.calls["RemoveUser"]) == 1


def test_every_state_names_the_tenant_of_the_signup(machine: StateMachine) -> None:
    ended = run(machine, {"NotifyTeam": ["WebhookRejected"]})

    key = {"tenantId": {"S": "acme"}, "userId": {"S": "ada"}}
    assert ended.calls["CreateUser"][0]["asked"]["Item"].items() >= key.items()
    assert ended.calls["RemoveUser"][0]["asked"]["Key"] == key
    for state in ("CreateUserSpace", "RemoveUserSpace"):
        assert ended.calls[state][0]["asked"]["Key"] == "acme/ada/"


def test_what_reaches_a_tenants_data_does_it_as_the_tenants_role() -> None:
    states = json.loads(definition(FLOW))["States"]
    for name, state in states.items():
        reaches = re.search(r":(dynamodb|aws-sdk:s3):", state.get("Resource", ""))
        assert bool(reaches) == ("Credentials" in state), name


def test_the_examples_are_what_they_say() -> None:
    folder = REPOSITORY / "examples" / FLOW
    schema = load_schema()
    good = [json.loads((folder / "event.json").read_text())]
    good += [json.loads(line) for line in (folder / "signups.jsonl").read_text().splitlines()]
    for event in good:
        jsonschema.validate(event["detail"], schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads((folder / "bad_event.json").read_text())["detail"], schema)


def test_the_api_is_openapi_and_its_example_is_good() -> None:
    fields = {k: v for k, v in load_schema()["properties"].items() if k != "userId"}
    signup = {"type": "object", "required": list(fields), "properties": fields}
    text = render(FLOWS / FLOW / OPENAPI, {**API, "signup": signup})
    document = yaml.safe_load(text)

    validate(document, cls=OpenAPIV30SpecValidator)
    operation = document["paths"]["/signup"]["post"]
    assert operation["security"] == []
    content = operation["requestBody"]["content"]["application/json"]
    jsonschema.validate(content["example"], signup)


def record(execution: str, **changes: str) -> dict[str, Any]:
    """Return the user's record as the table holds it."""
    values = {**SIGNUP, "execution": execution, **changes}
    return {name: {"S": value} for name, value in values.items()}
