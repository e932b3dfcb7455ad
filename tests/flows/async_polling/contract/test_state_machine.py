"""The parent reaches the right end, whatever its calls do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from statelint.linter import Linter

from async_polling import receive_request
from flowbridge.schema import read_schema
from ops.settings import REPOSITORY
from ops.terraform.docs import definition
from tests.support.state_machine import StateMachine, running_state_machine

FLOW = "async_polling"
CALLS = ["SplitText", "CountWords", "RankWords"]
STEPS = ["ReceiveRequest", "TextOrDocuments", *CALLS]
FAILURE = ["CatchErrors", "AnalysisFailed"]


def scripted(text: str) -> str:
    """Return the definition with a function, which a test scripts, in place of each call."""
    machine = json.loads(text)
    processor = machine["States"]["CountDocuments"]["ItemProcessor"]
    for states in (machine["States"], processor["States"]):
        for name, state in states.items():
            if "startExecution" in state.get("Resource", ""):
                state["Resource"] = "arn:aws:states:::lambda:invoke"
                output = {"result": name, "runtimeSeconds": 1, "polls": 1, "retries": 0}
                detail = {"scenario": "{% $request.scenario %}", "Output": output}
                payload = {"asked": state["Arguments"], "detail": detail}
                function = f"arn:aws:lambda:::function:{name}"
                state["Arguments"] = {"FunctionName": function, "Payload": payload}
    # A function's errors have no prefix, and its answer is in the payload.
    text = re.sub(r"StepFunctions\.(\w+Exception)", r"\1", json.dumps(machine))
    text = text.replace("{% parallel_calls %}", "{% 5 %}")
    return text.replace("$states.result.Output", "$states.result.Payload.Output")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateMachine]:
    """The state machine with scripted functions and calls."""
    folder = tmp_path_factory.mktemp(FLOW)
    with running_state_machine(folder, scripted(definition(FLOW))) as running:
        yield running


def given(**more: Any) -> dict[str, Any]:
    """Return what ReceiveRequest returns for a request, without its scenario."""
    return {"id": "r-1", "limits": {"maxErrors": 3}, "token": "t-1", "text": "a b", **more}


def test_the_definition_is_valid() -> None:
    problems = Linter.validate(json.loads(definition(FLOW)))

    # The linter knows no JSONata in MaxConcurrency.
    assert [p for p in problems if "MaxConcurrency" not in p] == []


def test_the_calls_of_a_text_follow_one_another(machine: StateMachine) -> None:
    ended = machine.run({}, **given())

    assert (ended.execution.status, ended.states) == ("SUCCEEDED", STEPS)
    inputs = [ended.calls[name][0]["asked"]["Input"] for name in CALLS]
    assert [one["action"] for one in inputs] == ["split", "count", "rank"]
    assert [one["token"] for one in inputs] == ["t-1-split", "t-1-count", "t-1-rank"]
    assert [one["payload"] for one in inputs] == [
        {"input": {"text": "a b"}},
        {"input": "SplitText"},
        {"input": "CountWords"},
    ]
    assert all(one["maxErrors"] == 3 for one in inputs)
    started = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
    assert {one[started] for one in inputs} == {ended.execution.arn}
    assert (ended.execution.answer or {})["words"] == "RankWords"


def test_each_document_has_a_call_of_its_own(machine: StateMachine) -> None:
    ended = machine.run({}, **given(documents=["a", "b", "c"]))

    assert ended.execution.status == "SUCCEEDED"
    inputs = [call["asked"]["Input"] for call in ended.calls["CountDocument"]]
    found = {one["token"]: one["payload"]["input"]["text"] for one in inputs}
    assert found == {"t-1-0": "a", "t-1-1": "b", "t-1-2": "c"}
    assert len((ended.execution.answer or {})["documents"]) == 3


@pytest.mark.parametrize("step", ["ReceiveRequest", *CALLS])
def test_what_fails_for_good_is_kept(machine: StateMachine, step: str) -> None:
    ended = machine.run({step: ["NobodyThoughtOfIt"] * 20}, **given())

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "NobodyThoughtOfIt")
    assert ended.states == [*STEPS[: STEPS.index(step) + 1], *FAILURE]
    [caught] = ended.calls["CatchErrors"]
    assert caught["failedState"] == step
    assert caught["event"] == ended.calls["ReceiveRequest"][0]


def test_a_document_that_fails_fails_the_request(machine: StateMachine) -> None:
    errors: dict[str, list[str | None]] = {"CountDocument": ["NobodyThoughtOfIt"] * 9}

    ended = machine.run(errors, **given(documents=["a", "b"]))

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "NobodyThoughtOfIt")
    assert ended.calls["CatchErrors"][0]["failedState"] == "CountDocuments"


def test_a_start_that_is_throttled_is_repeated(machine: StateMachine) -> None:
    ended = machine.run({"CountWords": ["ExecutionLimitExceededException", None]}, **given())

    assert ended.execution.status == "SUCCEEDED"
    assert len(ended.calls["CountWords"]) == 2


def test_the_examples_are_what_they_say() -> None:
    folder = REPOSITORY / "examples" / FLOW
    schema = read_schema(str(receive_request.__file__), "request.schema.json")
    good = [json.loads((folder / f"{name}.json").read_text()) for name in ("event", "never")]
    good.append(json.loads((folder / "documents.json").read_text()))
    good += [json.loads(line) for line in (folder / "texts.jsonl").read_text().splitlines()]
    for event in good:
        jsonschema.validate(event["detail"], schema)
    assert len(good[2]["detail"]["documents"]) == 100
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads((folder / "bad_event.json").read_text())["detail"], schema)
