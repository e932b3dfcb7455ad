"""A call of modules/async_call ends as its job does, whatever the service answers meanwhile."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from statelint.linter import Linter

from ops.aws.clients import Aws
from ops.executions.executions import Execution, Executions
from ops.settings import LOCAL
from ops.terraform.runner import ROOT
from ops.terraform.templates import STATE_MACHINE, render
from tests.support.emulator import running_emulator
from tests.support.platform import wait_for
from tests.support.state_machine import create_role

MODULE = ROOT / "modules" / "async_call"
INVOKE = "arn:aws:states:::lambda:invoke"
LIMITS = {
    "wait_seconds": 2,
    "deadline_seconds": 600,
    "max_errors": 3,
    "max_wait_seconds": 8,
    "wait_growth": 2,
}
#: The service: plays the next step that a token's script has, an error's name or an answer.
SERVICE = """
import json, os, pathlib

def handler(event, context):
    folder = pathlib.Path(os.environ["SCRIPTS"], event["request"]["token"])
    folder.mkdir(exist_ok=True)
    state = os.environ["STATE"]
    with (folder / f"{state}.calls").open("a") as calls:
        calls.write(json.dumps(event) + "\\n")
    file = folder / f"{state}.json"
    steps = json.loads(file.read_text()) if file.exists() else []
    step = steps[0] if steps else {"status": "running"}
    if len(steps) > 1:
        file.write_text(json.dumps(steps[1:]))
    if isinstance(step, str):
        raise type(step, (Exception,), {})("scripted")
    return step
"""


def definition(name: str) -> str:
    """Return a state machine of the module, whose tasks call functions."""

    def task(state: str, **more: Any) -> dict[str, Any]:
        return {
            "resource": INVOKE,
            "arguments": {
                "FunctionName": f"arn:aws:lambda:us-east-1:000000000000:function:{state}",
                "Payload": {"request": "{% $request %}", **more},
            },
            "output": "{% $states.result.Payload %}",
            "timeout_seconds": 30,
            "started_errors": ["AlreadyStarted"],
            "ended_errors": ["AlreadyEnded"],
        }

    return render(
        MODULE / name,
        {
            "call": task("Call"),
            "poll": task("Poll", job="{% $job %}"),
            "cancel": task("Cancel"),
            "limits": LIMITS,
            "expressions": yaml.safe_load((MODULE / "expressions.yaml").read_text()),
            "transient_errors": ["ServiceUnavailable"],
            "max_characters": 1000,
            "retry": {"IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1.5},
        },
    )


@dataclass(frozen=True)
class Calls:
    """The state machines of the module, and a service that does what a test scripts."""

    client: Any
    scripts: Path
    #: By template.
    arns: dict[str, str]

    def run(self, given: dict[str, Any], name: str = STATE_MACHINE) -> Execution:
        """Run an input, and return its execution when it has ended."""
        arn = self.client.start_execution(stateMachineArn=self.arns[name], input=json.dumps(given))[
            "executionArn"
        ]
        executions = Executions(self.client, self.arns[name])

        def over() -> Execution | None:
            execution = executions.describe(arn)
            return execution if execution.is_over else None

        ended: Execution = wait_for(over, "the end of the call")
        return ended

    def call(self, *polls: Any, call: Any = None, **given: Any) -> Execution:
        """Make a call whose polls have these answers, and return its execution."""
        token = uuid.uuid4().hex
        folder = self.scripts / token
        folder.mkdir()
        (folder / "Poll.json").write_text(json.dumps(polls))
        (folder / "Call.json").write_text(json.dumps(call or [{"id": "job-1"}]))
        return self.run({"action": "print", "payload": {"n": 1}, "token": token, **given})

    def calls(self, execution: Execution, state: str) -> list[Any]:
        """Return what the service was asked, by the state that asked."""
        file = self.scripts / json.loads(execution.input or "")["token"] / f"{state}.calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    """The module's state machines on an emulator whose waits take no time."""
    folder = tmp_path_factory.mktemp("async_call")
    with running_emulator(folder, SFN_WAIT_SCALE="0") as settings:
        aws = Aws(LOCAL, settings)
        role = create_role(aws)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as content:
            content.writestr("service.py", SERVICE)
        for state in ("Call", "Poll", "Cancel"):
            aws.client("lambda").create_function(
                FunctionName=state,
                Runtime="python3.13",
                Handler="service.handler",
                Role=role,
                Code={"ZipFile": archive.getvalue()},
                Environment={"Variables": {"STATE": state, "SCRIPTS": str(folder)}},
            )
        client = aws.client("stepfunctions")
        arns = {
            name: client.create_state_machine(
                name=name.partition(".")[0], definition=definition(name), roleArn=role
            )["stateMachineArn"]
            for name in (STATE_MACHINE, "cancel.asl.json.tftpl")
        }
        yield Calls(client, folder, arns)


@pytest.mark.parametrize("name", [STATE_MACHINE, "cancel.asl.json.tftpl"])
def test_the_definitions_are_valid(name: str) -> None:
    # The linter does not know that a wait may be an expression.
    problems = [p for p in Linter.validate(json.loads(definition(name))) if ".Seconds" not in p]

    assert problems == []


def test_a_job_that_is_ready_later_returns_its_result(service: Calls) -> None:
    ended = service.call({"status": "running"}, {"status": "succeeded", "result": {"pages": 3}})

    assert ended.status == "SUCCEEDED"
    answer = ended.answer or {}
    assert 0 <= answer.pop("runtimeSeconds") < 60
    assert answer == {"result": {"pages": 3}, "polls": 2, "retries": 0}
    [asked] = service.calls(ended, "Call")
    assert asked["request"]["action"] == "print"
    assert asked["request"]["payload"] == {"n": 1}
    assert [one["job"] for one in service.calls(ended, "Poll")] == [{"id": "job-1"}] * 2


def test_a_large_result_is_returned_by_its_place(service: Calls) -> None:
    place = {"bucket": "b", "key": "k"}

    ended = service.call({"status": "succeeded", "resultLocation": place})

    assert (ended.answer or {})["resultLocation"] == place
    assert "result" not in (ended.answer or {})


def test_errors_of_the_service_are_not_taken_for_a_job_that_is_not_ready(service: Calls) -> None:
    errors = ["ServiceUnavailable"] * 3

    ended = service.call({"status": "running"}, *errors, {"status": "succeeded", "result": 1})

    assert ended.status == "SUCCEEDED"
    assert {"polls": 2, "retries": 3}.items() <= (ended.answer or {}).items()


def test_errors_count_in_a_row(service: Calls) -> None:
    """A long job outlives more errors than may come at once."""
    errors = [*["ServiceUnavailable"] * 3, {"status": "running"}] * 2

    ended = service.call(*errors, {"status": "succeeded", "result": 1})

    assert (ended.answer or {})["retries"] == 6


def test_a_service_that_stays_unavailable_fails_the_call(service: Calls) -> None:
    ended = service.call("ServiceUnavailable")

    assert (ended.status, ended.error) == ("FAILED", "AsyncCallUnavailable")
    assert "ServiceUnavailable: scripted" in (ended.cause or "")
    assert "4 retries" in (ended.cause or "")
    assert len(service.calls(ended, "Poll")) == 4


def test_a_call_that_the_service_cannot_take_yet_is_made_again(service: Calls) -> None:
    call = ["ServiceUnavailable", "ServiceUnavailable", {"id": "job-2"}]

    ended = service.call({"status": "succeeded", "result": 1}, call=call)

    assert {"polls": 1, "retries": 2}.items() <= (ended.answer or {}).items()
    tokens = {asked["request"]["token"] for asked in service.calls(ended, "Call")}
    assert len(tokens) == 1
    assert service.calls(ended, "Poll")[0]["job"] == {"id": "job-2"}


def test_a_job_that_began_before_is_joined(service: Calls) -> None:
    ended = service.call({"status": "succeeded", "result": 1}, call=["AlreadyStarted"])

    assert {"polls": 1, "retries": 0}.items() <= (ended.answer or {}).items()


def test_a_job_that_failed_fails_the_call(service: Calls) -> None:
    ended = service.call({"status": "failed", "cause": "out of paper"})

    assert (ended.status, ended.error) == ("FAILED", "AsyncCallFailed")
    assert "out of paper" in (ended.cause or "")


@pytest.mark.parametrize("call", [["NobodyThoughtOfIt"], None])
def test_an_error_that_no_retry_helps_fails_the_call(service: Calls, call: Any) -> None:
    ended = service.call("NobodyThoughtOfIt", call=call)

    assert (ended.status, ended.error) == ("FAILED", "AsyncCallFailed")
    assert "NobodyThoughtOfIt: scripted" in (ended.cause or "")
    assert len(service.calls(ended, "Call" if call else "Poll")) == 1


def test_a_status_that_is_none_fails_the_call(service: Calls) -> None:
    ended = service.call({"status": "RUNNING"})

    assert (ended.status, ended.error) == ("FAILED", "AsyncCallFailed")
    assert "status RUNNING" in (ended.cause or "")


def test_a_job_that_is_never_ready_fails_the_call_at_its_deadline(service: Calls) -> None:
    ended = service.call({"status": "running"}, deadlineSeconds=2)

    assert (ended.status, ended.error) == ("FAILED", "AsyncCallTimedOut")
    assert "not ready within 2 s" in (ended.cause or "")
    assert (ended.seconds or 0) >= 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "a b"},
        {"token": "x" * 129},
        {"waitSeconds": 0},
        {"waitSeconds": "2"},
        {"waitSeconds": LIMITS["max_wait_seconds"] + 1},
        {"deadlineSeconds": LIMITS["deadline_seconds"] + 1},
        {"maxErrors": -1},
        {"payload": "x" * 1001},
    ],
)
def test_a_request_that_cannot_be_kept_is_refused(service: Calls, wrong: dict[str, Any]) -> None:
    given = {"action": "print", "payload": 1, "token": uuid.uuid4().hex, **wrong}

    ended = service.run(given)

    assert (ended.status, ended.error) == ("FAILED", "AsyncCallFailed")
    assert "The request is not valid" in (ended.cause or "")
    assert not (service.scripts / str(given["token"])[:100]).exists()


def test_waits_grow_and_end_at_the_deadline(service: Calls) -> None:
    """As the history has them: the emulator scales them, not the numbers."""
    expressions = yaml.safe_load((MODULE / "expressions.yaml").read_text())
    states = {"W": {"Type": "Pass", "Output": expressions["seconds"], "End": True}}
    limits = {"waitSeconds": 2, "waitGrowth": 2, "maxWaitSeconds": 8, "deadlineSeconds": 100}
    clock = "{% $millis() - $states.input.passed * 1000 %}"
    assign = {
        "limits": limits,
        "begunAt": clock,
        "polls": "{% $states.input.polls %}",
        "retries": 0,
        "answer": "{% $states.input.answer %}",
    }
    machine = {
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "States": {"Begin": {"Type": "Pass", "Assign": assign, "Next": "W"}, **states},
    }
    arn = service.client.create_state_machine(
        name="waits",
        definition=json.dumps(machine),
        roleArn="arn:aws:iam::000000000000:role/any",
    )["stateMachineArn"]
    service.arns["waits"] = arn

    def seconds(polls: int, passed: float = 0, **answer: float) -> int:
        given = {"polls": polls, "passed": passed, "answer": answer}
        return int(json.loads(service.run(given, "waits").output or ""))

    assert seconds(0) in (1, 2)
    assert seconds(1) in (2, 3, 4)
    assert seconds(9) in (4, 5, 6, 7, 8)
    assert seconds(2000) <= 8
    assert seconds(0, retryAfterSeconds=20) == 20
    assert seconds(9, passed=98.5) <= 2
    assert seconds(9, passed=200) == 1


def test_a_call_that_ended_without_its_result_has_its_job_cancelled(service: Calls) -> None:
    token = uuid.uuid4().hex
    given = json.dumps({"action": "print", "payload": {"n": 1}, "token": token})
    (service.scripts / token).mkdir()
    (service.scripts / token / "Cancel.json").write_text(
        json.dumps(["ServiceUnavailable", "AlreadyEnded"])
    )

    ended = service.run({"detail": {"name": "n", "input": given}}, "cancel.asl.json.tftpl")

    assert ended.status == "SUCCEEDED"
    file = service.scripts / token / "Cancel.calls"
    asked = [json.loads(line)["request"] for line in file.read_text().splitlines()]
    assert asked == [{"action": "print", "payload": {"n": 1}, "token": token}] * 2


def test_a_call_without_a_token_is_cancelled_by_the_name_of_its_execution(service: Calls) -> None:
    name = uuid.uuid4().hex

    ended = service.run({"detail": {"name": name, "input": "{}"}}, "cancel.asl.json.tftpl")

    assert ended.status == "SUCCEEDED"
    assert (service.scripts / name / "Cancel.calls").exists()
