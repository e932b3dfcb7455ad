"""The interpreter of executions: what is interrupted, time limits, delays, batches, kinds."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from emulator.patches.stepfunctions import deadlines, interpreter, scopes
from emulator.patches.stepfunctions.branches import run_together
from emulator.patches.stepfunctions.deadlines import (
    Tokens,
    delay_of,
    invoke_in_time,
    pause,
    with_delays,
    with_limits,
    with_timeouts,
    with_tokens,
)
from emulator.patches.stepfunctions.distributed_map import batched, exceeds, transformed
from emulator.patches.stepfunctions.executions import billing, described
from emulator.patches.stepfunctions.interpreter import limit_of
from emulator.patches.stepfunctions.kinds import waits
from emulator.patches.stepfunctions.scopes import CLOCK, Scope, Stopped

LONG = 60.0
START, STOP = "2026-11-21T12:00:00.000Z", "2026-11-21T12:00:00.101Z"


class ExecutionError(Exception):
    """An error of a state, as MiniStack raises it."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error, cause)
        self.error, self.cause = error, cause


def test_a_scope_that_is_stopped_interrupts_what_waits_in_it() -> None:
    scope, begun, results = Scope(), threading.Event(), list[str]()

    def wait() -> None:
        with scopes.entered(scope), scope.part() as inner:
            begun.set()
            try:
                inner.sleep(LONG)
            except Stopped:
                results.append("stopped")

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    assert begun.wait(5)
    scope.stop()
    thread.join(5)

    assert results == ["stopped"]
    with pytest.raises(Stopped):
        scope.sleep(0)


def test_a_part_ends_without_its_whole() -> None:
    scope = Scope()
    with scope.part() as inner:
        pass

    assert inner.is_stopped
    assert not scope.is_stopped
    assert scope.wait_for(threading.Event(), 0) is False


def test_the_clock_calls_what_is_not_cancelled() -> None:
    rang, kept = threading.Event(), list[int]()
    CLOCK.call(0.2, partial(kept.append, 1))()
    CLOCK.call(0.3, rang.set)

    assert rang.wait(5)
    assert kept == []


def test_branches_run_together() -> None:
    both = threading.Barrier(2)

    assert run_together([partial(both.wait, 5), partial(both.wait, 5)], 2) in ([0, 1], [1, 0])
    assert run_together([], 0) == []


def test_no_more_branches_run_than_are_allowed() -> None:
    running, most = list[int](), list[int]()

    def work(number: int) -> int:
        running.append(number)
        most.append(len(running))
        scopes.current().sleep(0.001)
        running.remove(number)
        return number

    assert run_together([partial(work, number) for number in range(6)], 2) == list(range(6))
    assert max(most) <= 2


def test_the_first_failure_interrupts_the_other_branches() -> None:
    ends, waiting = list[str](), threading.Event()
    ended = threading.Event()

    def fail() -> None:
        assert waiting.wait(5)
        raise ExecutionError("Wrong", "")

    def wait() -> None:
        try:
            waiting.set()
            scopes.current().sleep(LONG)
        except Stopped:
            ends.append("stopped")
            ended.set()
            raise

    def never() -> None:
        ends.append("begun")

    with pytest.raises(ExecutionError):
        run_together([wait, fail, never], 2)
    assert ended.wait(5)
    assert ends == ["stopped"]


def test_branches_end_with_their_execution() -> None:
    scope, waiting = Scope(), threading.Event()

    def wait() -> None:
        waiting.set()
        scopes.current().sleep(LONG)

    def stop() -> None:
        assert waiting.wait(5)
        scope.stop()

    threading.Thread(target=stop, daemon=True).start()
    with scopes.entered(scope), pytest.raises(Stopped):
        run_together([wait], 1)


@pytest.mark.parametrize(
    ("kind", "definition", "seconds"),
    [
        ("STANDARD", {}, None),
        ("STANDARD", {"TimeoutSeconds": 900}, 900),
        ("EXPRESS", {}, 300),
        ("EXPRESS", {"TimeoutSeconds": 900}, 300),
        ("EXPRESS", {"TimeoutSeconds": 10}, 10),
    ],
)
def test_an_execution_has_the_shorter_limit(kind: str, definition: Any, seconds: Any) -> None:
    assert limit_of(kind, definition) == seconds


@pytest.mark.parametrize(
    ("retrier", "retries", "delay"),
    [
        ({}, 0, 1),
        ({}, 2, 4),
        ({"IntervalSeconds": 10, "BackoffRate": 3}, 2, 90),
        ({"IntervalSeconds": 10, "BackoffRate": 3, "MaxDelaySeconds": 50}, 2, 50),
        ({"IntervalSeconds": 10, "JitterStrategy": "FULL"}, 0, 2.5),
        ({"IntervalSeconds": 10, "MaxDelaySeconds": 4, "JitterStrategy": "FULL"}, 0, 1),
        ({"IntervalSeconds": 10, "JitterStrategy": "NONE"}, 0, 10),
    ],
)
def test_a_retry_waits_as_its_retrier_says(retrier: Any, retries: int, delay: float) -> None:
    assert delay_of(retrier, retries, 0.25) == delay


def test_the_delay_of_a_retry_replaces_that_of_the_emulator_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept = list[float]()
    monkeypatch.setattr(Scope, "sleep", lambda _, seconds: slept.append(seconds))
    machines = SimpleNamespace(_SFN_WAIT_SCALE=0.5)
    find = with_delays(lambda *_: ({"IntervalSeconds": 300}, 0))

    find([], "Wrong", {})
    pause(machines, 60)
    pause(machines, 60)

    assert slept == [150, 30]


def test_a_task_that_takes_too_long_has_an_event_of_its_own() -> None:
    written = list[Any]()
    add = with_timeouts(lambda _, kind, details: written.append((kind, *details)))
    for error in ("States.Timeout", "States.HeartbeatTimeout", "Wrong"):
        add({}, "TaskFailed", {"taskFailedEventDetails": {"error": error}})

    late = ("TaskTimedOut", "taskTimedOutEventDetails")
    assert written == [late, late, ("TaskFailed", "taskFailedEventDetails")]


def test_a_call_that_takes_too_long_is_left_and_what_waits_in_it_is_interrupted() -> None:
    ended = threading.Event()

    def invoke(*_: Any) -> None:
        try:
            scopes.current().sleep(LONG)
        except Stopped:
            ended.set()
            raise

    machines = SimpleNamespace(_invoke_resource=invoke, _ExecutionError=ExecutionError)

    with pytest.raises(ExecutionError) as raised:
        invoke_in_time(machines, "resource", {}, 0.01)
    assert raised.value.error == "States.Timeout"
    assert ended.wait(5)


def test_a_call_in_time_answers_or_raises() -> None:
    def invoke(_: str, arguments: Any) -> Any:
        if arguments == "wrong":
            raise ExecutionError("Wrong", "")
        return arguments

    machines = SimpleNamespace(_invoke_resource=invoke, _ExecutionError=ExecutionError)

    assert invoke_in_time(machines, "resource", "given", 5) == "given"
    with pytest.raises(ExecutionError, match="Wrong"):
        invoke_in_time(machines, "resource", "wrong", 5)


@pytest.fixture
def machine() -> Iterator[None]:
    """Tasks run in an execution of a state machine."""
    before = deadlines._context.set({"StateMachine": {"Id": "machine"}})
    yield
    deadlines._context.reset(before)


def tokens(invoke: Callable[..., Any]) -> tuple[Tokens, dict[str, Any]]:
    """Return the tasks that wait for a token, and what MiniStack keeps of them."""
    waiting: dict[str, Any] = {}
    machines = SimpleNamespace(
        _invoke_resource=invoke,
        _task_tokens=waiting,
        _ExecutionError=ExecutionError,
        error_response_json=lambda code, *_: (400, {"code": code}, b""),
    )
    return Tokens(machines), waiting


@pytest.mark.usefixtures("machine")
def test_a_task_ends_when_its_token_comes_back() -> None:
    def answer(resource: str, _: Any) -> None:
        assert resource == "arn:aws:states:::sqs:sendMessage"
        waiting["t"]["result"] = '{"n": 1}'
        waiting["t"]["event"].set()

    asked, waiting = tokens(answer)

    assert asked.invoke("arn:aws:states:::sqs:sendMessage.waitForTaskToken", {}, "t", {}) == {
        "n": 1
    }
    assert waiting == {}


@pytest.mark.usefixtures("machine")
def test_a_task_fails_when_its_call_fails() -> None:
    def fail(*_: Any) -> None:
        raise ExecutionError("KeyError", "lost")

    asked, waiting = tokens(fail)

    with pytest.raises(ExecutionError, match="KeyError"):
        asked.invoke("resource", {}, "t", {})
    assert waiting == {}


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"HeartbeatSeconds": 0.01, "TimeoutSeconds": LONG}, "States.HeartbeatTimeout"),
        ({"HeartbeatSeconds": LONG, "TimeoutSeconds": 0.01}, "States.Timeout"),
    ],
)
def test_a_task_fails_without_its_token(limits: Any, error: str) -> None:
    asked, _ = tokens(lambda *_: None)

    with pytest.raises(ExecutionError, match=error):
        asked.invoke("resource", {}, "t", limits)


@pytest.mark.usefixtures("machine")
def test_only_the_first_answer_to_a_token_counts() -> None:
    codes = list[str | None]()

    def answer(*_: Any) -> None:
        codes.extend(send({"taskToken": token})[1].get("code") for token in ("other", "t", "t"))

    def succeed(data: Any) -> Any:
        waiting[data["taskToken"]]["event"].set()
        return 200, {}, b""

    asked, waiting = tokens(answer)
    send = asked.refusing(succeed)
    asked.invoke("resource", {}, "t", {})

    codes.append(send({"taskToken": "t"})[1].get("code"))
    assert codes == ["InvalidToken", None, "TaskTimedOut", "TaskTimedOut"]


def test_an_attempt_has_a_token_of_its_own() -> None:
    context: dict[str, Any] = {"Task": {"Token": "first"}}
    find = with_tokens(lambda *_: ({}, 0), lambda: "second")

    def execute(*_: Any) -> None:
        find([], "Wrong", {})

    with_limits(SimpleNamespace(), execute)({}, {}, {}, context)
    assert context["Task"] == {"Token": "second"}


@pytest.mark.parametrize(
    ("failed", "count", "percentage", "is_exceeded"),
    [
        (0, None, None, False),
        (1, None, None, True),
        (1, 1, None, False),
        (2, 1, None, True),
        (5, None, 50, False),
        (6, None, 50, True),
        (1, 0, 100, True),
        (2, 5, 10, True),
    ],
)
def test_a_map_fails_by_either_limit(
    failed: int, count: Any, percentage: Any, is_exceeded: bool
) -> None:
    assert exceeds(failed, 10, count, percentage) is is_exceeded


@pytest.mark.parametrize(
    ("most", "most_bytes", "batches"),
    [
        (None, None, [["a", "bb", "cccccccccc", "d"]]),
        (3, None, [["a", "bb", "cccccccccc"], ["d"]]),
        (None, 12, [["a", "bb"], ["cccccccccc"], ["d"]]),
        (1, 100, [["a"], ["bb"], ["cccccccccc"], ["d"]]),
    ],
)
def test_items_are_batched_by_number_and_size(most: Any, most_bytes: Any, batches: Any) -> None:
    assert list(batched(["a", "bb", "cccccccccc", "d"], most, most_bytes)) == batches


@pytest.mark.parametrize(("form", "rows"), [("COMPACT", [[1, 2], 3]), ("FLATTEN", [1, 2, 3])])
def test_results_are_written_in_the_form_that_is_asked_for(form: str, rows: Any) -> None:
    children = [{"output": "[1, 2]"}, {"output": None}, {"output": "3"}]

    assert transformed(children, {"Transformation": form}) == rows


def test_a_result_has_its_child() -> None:
    child = {"output": "3", "input": "2", "status": "SUCCEEDED", "name": "n"}
    [row] = transformed([child], {})

    assert (row["Name"], row["Input"], row["Output"], row["Status"]) == ("n", "2", "3", "SUCCEEDED")


def test_an_express_execution_is_billed_by_tenths_of_seconds() -> None:
    bill = billing({"startDate": START, "stopDate": STOP})

    assert bill["billedDurationInMilliseconds"] == 200
    assert billing({"startDate": START, "stopDate": START})["billedDurationInMilliseconds"] == 100


def test_a_parent_gets_the_description_of_its_child() -> None:
    execution = {
        "executionArn": "arn",
        "stateMachineArn": "machine",
        "name": "n",
        "status": "FAILED",
        "error": "Wrong",
        "cause": None,
        "startDate": START,
        "stopDate": STOP,
        "input": '{"n": 1}',
        "output": None,
    }
    found = described(execution, is_json=True)

    assert (found["Status"], found["Error"], found["Input"]) == ("FAILED", "Wrong", {"n": 1})
    assert found["StopDate"] - found["StartDate"] == 101
    assert not {"Cause", "Output"} & found.keys()
    assert described(execution, is_json=False)["Input"] == '{"n": 1}'


def test_the_tasks_that_wait_are_found_at_any_depth() -> None:
    waiting = {"Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun.sync"}
    states = {"Each": {"Type": "Map", "ItemProcessor": {"States": {"Job": waiting}}}}

    assert list(waits(json.dumps({"States": states}))) == [
        ("/States/Each/ItemProcessor/States/Job", ".sync")
    ]
    assert list(waits("no JSON")) == []


def machines_of(states: Any) -> Any:
    """Return a Step Functions with one state machine, whose Pass calls a function."""
    definition = json.dumps({"StartAt": next(iter(states)), "States": states})
    machine = {"definition": definition, "roleArn": "r", "name": "m", "type": "STANDARD"}

    def add(execution: Any, kind: str, _: Any = None) -> None:
        scopes.current().check()
        execution["events"].append(kind)

    return SimpleNamespace(
        _state_machines={"machine": machine},
        _state_machine_versions={"machine:1": {"definition": '{"StartAt": "Old"}', "roleArn": "o"}},
        _ExecutionError=ExecutionError,
        _add_event=add,
        now_iso=lambda: START,
    )


def test_an_execution_of_a_version_has_its_definition_and_role() -> None:
    machines = machines_of({"Pass": {"Type": "Pass"}})
    execution = {"stateMachineArn": "machine"}
    version = {**execution, "stateMachineVersionArn": "machine:1"}

    assert interpreter.definition_of(machines, execution)["StartAt"] == "Pass"
    assert interpreter.definition_of(machines, version) == {"StartAt": "Old"}
    assert interpreter.machine_of(machines, version)["roleArn"] == "o"


def test_an_execution_ends_once(monkeypatch: pytest.MonkeyPatch) -> None:
    published = list[str]()
    monkeypatch.setattr(
        interpreter, "publish", lambda _, execution: published.append(execution["status"])
    )
    machines = machines_of({"Pass": {"Type": "Pass"}})
    execution: dict[str, Any] = {
        "executionArn": "arn",
        "stateMachineArn": "machine",
        "name": "n",
        "status": "RUNNING",
        "startDate": START,
        "input": "{}",
        "events": [],
    }

    def stop_within(*_: Any) -> tuple[Any, None]:
        assert interpreter.end(machines, execution, "ABORTED", cause="enough")
        return {}, None

    machines._execute_pass = stop_within
    interpreter.interpret(machines, execution, "Pass", {}, {})

    assert execution["events"] == ["PassStateEntered", "ExecutionAborted"]
    assert (execution["status"], published) == ("ABORTED", ["ABORTED"])
    assert not interpreter.end(machines, execution, "FAILED")
