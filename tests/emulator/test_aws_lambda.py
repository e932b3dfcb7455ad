"""Versions of functions share a limit, aliases of state machines a right."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.patches.aws_lambda import of_all_versions
from emulator.patches.stepfunctions.definitions import of_state_machines


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
    arn_of = of_state_machines(lambda service, *_: arn)

    assert arn_of(service, "POST", "/", {}, b"{}") == asked
