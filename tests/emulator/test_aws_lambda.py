"""The emulator's functions: errors have AWS's names, versions AWS's limit and rights."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.patches.aws_lambda import name_errors, of_all_versions
from emulator.patches.stepfunctions.definitions import of_state_machines

TRACEBACK = (
    'Traceback (most recent call last):\n  File "x.py", line 1\nour.errors.InvalidLead: no\n'
)


@pytest.mark.parametrize(
    ("message", "log", "name"),
    [
        ("no", TRACEBACK, "InvalidLead"),
        ("Worker process died", "", "Runtime.ExitError"),
        # What it wrote before it died says nothing of its end.
        ("Worker process died", TRACEBACK, "Runtime.ExitError"),
        ("Worker process exited immediately. stderr: ", "", "Runtime.ExitError"),
        ("[Errno 32] Broken pipe", "", "Runtime.ExitError"),
        ("something else", "", "Runtime.HandlerError"),
    ],
)
def test_an_error_is_named(message: str, log: str, name: str) -> None:
    def execute(function: Any, event: Any, request_id: str) -> dict[str, Any]:
        body = {"errorMessage": message, "errorType": "Runtime.HandlerError"}
        return {"body": body, "error": True, "log": log}

    assert name_errors(execute)({}, {}, "1")["body"]["errorType"] == name


@pytest.mark.parametrize(
    ("message", "given", "name"),
    [
        ("[Errno 2] No such file or directory: 'x'", "FileNotFoundError", "Runtime.ExitError"),
        ("Worker init failed: No module named 'x'", "RuntimeError", "RuntimeError"),
    ],
)
def test_an_error_of_the_emulator_is_the_end_of_a_process(
    message: str, given: str, name: str
) -> None:
    def execute(function: Any, event: Any, request_id: str) -> dict[str, Any]:
        return {"body": {"errorMessage": message, "errorType": given}, "error": True, "log": ""}

    assert name_errors(execute)({}, {}, "1")["body"]["errorType"] == name


def test_a_function_that_took_too_long_keeps_its_name() -> None:
    message = "Task timed out after 2.00 seconds"

    def execute(function: Any, event: Any, request_id: str) -> dict[str, Any]:
        body = {"errorMessage": message, "errorType": "Sandbox.Timedout"}
        return {"body": body, "error": True, "log": message}

    assert name_errors(execute)({}, {}, "1")["body"]["errorType"] == "Sandbox.Timedout"


@pytest.mark.parametrize(
    ("called", "limit"), [({"name": "version 1"}, 2), ({"name": "f", "concurrency": 2}, 2)]
)
def test_a_version_shares_what_is_reserved_for_its_function(
    called: dict[str, Any], limit: int
) -> None:
    def reserved(function: dict[str, Any], config: dict[str, Any]) -> int | None:
        return function.get("concurrency")

    look_up = of_all_versions(reserved, {"f": {"concurrency": 2}})

    assert look_up(called, {"FunctionName": "f"}) == limit
    assert look_up({}, {"FunctionName": "another"}) is None


@pytest.mark.parametrize(
    ("service", "arn", "asked"),
    [
        ("states", "arn:aws:states:r:1:stateMachine:m:live", "arn:aws:states:r:1:stateMachine:m"),
        ("states", "arn:aws:states:r:1:stateMachine:m:3", "arn:aws:states:r:1:stateMachine:m"),
        ("states", "arn:aws:states:r:1:stateMachine:m", "arn:aws:states:r:1:stateMachine:m"),
        ("states", "arn:aws:states:r:1:execution:m:e", "arn:aws:states:r:1:execution:m:e"),
        ("states", "*", "*"),
        ("lambda", "arn:aws:lambda:r:1:function:f:live", "arn:aws:lambda:r:1:function:f:live"),
    ],
)
def test_a_right_is_asked_for_on_the_state_machine(service: str, arn: str, asked: str) -> None:
    assert of_state_machines(lambda service, *_: arn)(service, "POST", "/") == asked
