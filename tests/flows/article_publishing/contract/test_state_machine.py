"""However its targets fail, a publication ends as it should and says where the article is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator, validate
from statelint.linter import Linter

from article_publishing import receive_webhook
from article_publishing.signature import HEADER
from ops.terraform.docs import definition
from ops.terraform.templates import FLOWS, OPENAPI, render
from tests.flows.article_publishing.support.webhook import DOCUMENT, States, signed
from tests.support.functions import API
from tests.support.state_machine import Ended, StateMachine, running_state_machine

FLOW = "article_publishing"
STEPS = {
    "PublishToMedium": "medium",
    "PublishToDevto": "devto",
    "PublishToHashnode": "hashnode",
    "IndexInOpenSearch": "opensearch",
}
FAILURE = ["CatchErrors", "PublicationFailed"]
#: As in the rendered definition: one call and its repetitions.
TRIES = 4


@pytest.fixture(scope="module")
def text() -> str:
    return definition(FLOW)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, text: str) -> Iterator[StateMachine]:
    with running_state_machine(tmp_path_factory.mktemp("articles"), text) as machine:
        yield machine


def run(machine: StateMachine, errors: dict[str, list[str | None]]) -> Ended:
    return machine.run(errors, id="b1946ac9", revision="r1")


def test_the_definition_is_valid(text: str) -> None:
    problems = Linter.validate(json.loads(text))

    # The linter knows no JSONata in Seconds.
    assert [p for p in problems if "Seconds is" not in p] == []


def test_when_all_is_good_every_target_is_asked_once(machine: StateMachine) -> None:
    ended = run(machine, {})

    assert ended.execution.status == "SUCCEEDED"
    assert set(ended.calls) == set(STEPS)
    assert all(len(calls) == 1 for calls in ended.calls.values())


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", ["TargetRefused", "InvalidArticle", "SomethingNobodyThoughtOf"])
def test_one_that_fails_for_good_stops_no_other_and_is_kept(
    machine: StateMachine, step: str, error: str
) -> None:
    ended = run(machine, {step: [error]})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", error)
    assert ended.states[-2:] == FAILURE
    assert {name: len(ended.calls[name]) for name in STEPS} == dict.fromkeys(STEPS, 1)
    [caught] = ended.calls["CatchErrors"]
    assert caught["event"]["detail"]["targets"] == [STEPS[step]]
    assert caught["failedState"] == step
    assert caught["execution"] == ended.execution.arn
    # The rest of the event is as it came.
    sent = ended.calls[step][0]
    del caught["event"]["detail"]["targets"]
    assert caught["event"] == sent


@pytest.mark.parametrize("step", STEPS)
def test_one_that_is_down_for_a_moment_is_asked_again_alone(
    machine: StateMachine, step: str
) -> None:
    ended = run(machine, {step: ["TargetUnavailable", None]})

    assert ended.execution.status == "SUCCEEDED"
    expected = dict.fromkeys(STEPS, 1) | {step: 2}
    assert {name: len(calls) for name, calls in ended.calls.items()} == expected


@pytest.mark.parametrize("step", STEPS)
def test_one_that_stays_down_is_kept(machine: StateMachine, step: str) -> None:
    ended = run(machine, {step: ["TargetUnavailable"] * 20})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "TargetUnavailable")
    assert len(ended.calls[step]) == TRIES
    assert ended.calls["CatchErrors"][0]["event"]["detail"]["targets"] == [STEPS[step]]


@pytest.mark.parametrize("step", STEPS)
def test_one_that_is_busy_is_waited_for_and_told_how_often(
    machine: StateMachine, step: str
) -> None:
    ended = run(machine, {step: ["TargetBusy", "TargetBusy", None]})

    assert ended.execution.status == "SUCCEEDED"
    assert [call.get("waits") for call in ended.calls[step]] == [None, 1, 2]


def test_all_that_fail_are_kept_together(machine: StateMachine) -> None:
    ended = run(machine, {step: ["TargetRefused"] for step in STEPS})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "SeveralTargetsFailed")
    [caught] = ended.calls["CatchErrors"]
    assert caught["event"]["detail"]["targets"] == list(STEPS.values())
    assert caught["failedState"] == ",".join(STEPS)
    assert "medium: TargetRefused" in caught["error"]["Cause"]


def test_catching_is_repeated_whatever_stopped_it(machine: StateMachine) -> None:
    ended = run(machine, {"PublishToDevto": ["TargetRefused"], "CatchErrors": ["Any", None]})

    assert ended.execution.status == "FAILED"
    assert len(ended.calls["CatchErrors"]) == 2


def test_every_step_repeats_with_backoff_jitter_and_a_cap(text: str) -> None:
    branches = json.loads(text)["States"]["Publish"]["Branches"]
    tasks = [branch["States"][branch["StartAt"]] for branch in branches]

    assert [branch["StartAt"] for branch in branches] == list(STEPS)
    for task in tasks:
        [retrier] = task["Retry"]
        assert retrier["JitterStrategy"] == "FULL"
        assert retrier["MaxDelaySeconds"] >= retrier["IntervalSeconds"]
        assert "States.ALL" not in retrier["ErrorEquals"]
        assert "OutcomeUnknown" not in retrier["ErrorEquals"]
        assert [c["ErrorEquals"] for c in task["Catch"]] == [["TargetBusy"], ["States.ALL"]]


def test_medium_is_not_asked_again_after_it_may_have_taken_the_post(
    machine: StateMachine, text: str
) -> None:
    ended = run(machine, {"PublishToMedium": ["Runtime.ExitError", None]})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "Runtime.ExitError")
    assert len(ended.calls["PublishToMedium"]) == 1
    assert ended.calls["CatchErrors"][0]["event"]["detail"]["targets"] == ["medium"]
    branches = json.loads(text)["States"]["Publish"]["Branches"]
    [medium, *others] = [branch["States"][branch["StartAt"]]["Retry"][0] for branch in branches]
    # The other steps look the article up or overwrite it, so they retry when a function breaks off.
    unsure = set(others[0]["ErrorEquals"]) - set(medium["ErrorEquals"])
    assert {"Sandbox.Timedout", "States.Timeout", "Runtime.ExitError", "Lambda.Unknown"} <= unsure
    assert {"TargetUnavailable", "SecretUnavailable"} <= set(medium["ErrorEquals"])


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    text = render(FLOWS / FLOW / OPENAPI, API)
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document, cls=OpenAPIV30SpecValidator)


def test_the_document_declares_the_signature(document: dict[str, Any]) -> None:
    scheme = document["components"]["securitySchemes"]["signature"]

    assert document["paths"]["/webhook"]["post"]["security"] == [{"signature": []}]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", HEADER)


def test_the_documents_example_is_an_article(
    document: dict[str, Any],
    states: States,
) -> None:
    operation = document["paths"]["/webhook"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]

    for given in (signed(example), signed(example), signed(DOCUMENT, secret="no"), signed("[]")):
        response = receive_webhook.handler(given, None)
        assert str(response["statusCode"]) in operation["responses"]
    assert len(states.started) == 1
