"""The limits of Step Functions: the size of data, the length of a history, terminal errors."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from emulator.patches.stepfunctions import interpreter, limits
from emulator.patches.stepfunctions.scopes import Stopped
from tests.emulator.test_interpreter import ExecutionError

MACHINES = SimpleNamespace(
    _ExecutionError=ExecutionError,
    error_response_json=lambda code, *_: (400, {"code": code}, b""),
)
#: The largest text, with its quotes, and one byte more.
FITS, TOO_LARGE = "x" * (limits.PAYLOAD_BYTES - 2), "x" * (limits.PAYLOAD_BYTES - 1)


@pytest.mark.parametrize(
    ("value", "size"), [("é", 4), ({"a": [1, None]}, 14), ("\ud83d", 5), ("\U0001f600", 6)]
)
def test_a_size_is_of_the_bytes_of_compact_json(value: Any, size: int) -> None:
    assert limits.size_of(value) == size


@pytest.mark.parametrize(
    ("names", "error", "is_matched"),
    [
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.TaskFailed"], "States.DataLimitExceeded", False),
        (["States.ALL", "States.DataLimitExceeded"], "States.DataLimitExceeded", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", False),
    ],
)
def test_wildcards_omit_terminal_errors(names: Any, error: str, is_matched: bool) -> None:
    assert limits.matches(lambda *_: True)(names, error) is is_matched


def test_arguments_and_results_of_a_task_are_limited() -> None:
    echo = limits.with_limited_data(MACHINES, lambda _, arguments: arguments)
    grow = limits.with_limited_data(MACHINES, lambda *_: TOO_LARGE)

    assert echo("resource", FITS) == FITS
    for call, given in ((echo, TOO_LARGE), (grow, FITS)):
        with pytest.raises(ExecutionError, match=r"States\.DataLimitExceeded.*resource"):
            call("resource", given)


def test_the_output_of_a_state_is_limited() -> None:
    output = limits.with_limited_output(MACHINES, lambda _, value, __: value)
    context = {"State": {"Name": "Grow"}}

    assert output({}, FITS, context) == FITS
    with pytest.raises(ExecutionError, match="'Grow'"):
        output({}, TOO_LARGE, context)


def test_a_state_ends_with_a_limited_output() -> None:
    added = list[str]()
    add = limits.with_limited_exits(MACHINES, lambda _, kind, __: added.append(kind))

    def leave(output: Any) -> None:
        details = {"name": "Choose", "output": json.dumps(output)}
        add({}, "ChoiceStateExited", {"stateExitedEventDetails": details})

    # Escaped, it is longer than the limit.
    for value in (FITS, "é" * (limits.PAYLOAD_BYTES // 2 - 2)):
        leave(value)
    with pytest.raises(ExecutionError, match="'Choose'"):
        leave(TOO_LARGE)
    assert added == ["ChoiceStateExited"] * 2


@pytest.mark.parametrize("text", ["x" * limits.PAYLOAD_BYTES, "é" * (limits.PAYLOAD_BYTES // 2)])
def test_a_request_may_not_exceed_the_limit(text: str) -> None:
    send = limits.refusing_large(MACHINES, lambda _: (200, {}, b""), "output")

    assert send({"output": text})[0] == 200
    assert send({"output": text + "x"})[1] == {"code": "ValidationException"}
    assert send({})[0] == 200


@pytest.mark.parametrize(
    ("kind", "before", "ends"),
    [
        ("PassStateEntered", 24_998, False),
        ("PassStateEntered", 24_999, True),
        ("ExecutionSucceeded", 24_999, False),
    ],
)
@pytest.mark.parametrize("is_express", [False, True])
def test_the_last_event_of_a_standard_execution_is_its_end(
    monkeypatch: pytest.MonkeyPatch, kind: str, before: int, ends: bool, is_express: bool
) -> None:
    ended, added = list[Any](), list[str]()
    monkeypatch.setattr(
        interpreter, "end", lambda _, __, status, **more: ended.append((status, more["error"]))
    )
    add = limits.bounded(MACHINES, lambda _, kind, __: added.append(kind))
    arn = "arn:aws:states:r:a:express:m:n:i" if is_express else "arn:aws:states:r:a:execution:m:n"
    execution = {"executionArn": arn, "events": [{}] * before}

    if ends and not is_express:
        with pytest.raises(Stopped):
            add(execution, kind)
        assert (ended, added) == ([("FAILED", "States.Runtime")], [])
    else:
        add(execution, kind)
        assert (ended, added) == ([], [kind])
