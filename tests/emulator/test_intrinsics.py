"""Intrinsic functions and JSONata write values as JSON, and compare them as AWS does."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from emulator.patches.stepfunctions import intrinsics
from tests.emulator.test_interpreter import ExecutionError

NULL = object()
MACHINES = SimpleNamespace(
    _ExecutionError=ExecutionError, _eval_intrinsic_arg=lambda argument, *_: argument
)


def call(name: str, *arguments: Any) -> Any:
    """Return the value of an intrinsic function; one of MiniStack's own is its name."""
    execute = intrinsics.with_functions(MACHINES, lambda node, *_: node[1])
    return execute(("call", f"States.{name}", arguments), {}, {})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (1.5, "1.5"),
        ("None", "None"),
        (["a", None], '["a",null]'),
        ({"é": {"b": [True]}}, '{"é":{"b":[true]}}'),
    ],
)
def test_a_value_in_a_text_is_json(value: Any, text: str) -> None:
    assert call("Format", "<{}>", value) == f"<{text}>"
    if not isinstance(value, str):
        assert call("JsonToString", value) == text


def test_a_format_has_escapes_and_a_value_for_each_place() -> None:
    assert call("Format", r"\{\} {} it\'s {}", "{}", 2) == "{} {} it's 2"
    for values in ((1,), (1, 2, 3)):
        with pytest.raises(ExecutionError, match=r"States\.IntrinsicFailure"):
            call("Format", "{} {}", *values)


@pytest.mark.parametrize(
    ("name", "arguments", "value"),
    [
        ("ArrayContains", ([1, {"a": True}], {"a": True}), True),
        ("ArrayContains", ([1], True), False),
        ("ArrayContains", ([[True]], [1]), False),
        ("ArrayUnique", ([1, True, 1, None, "1", None],), [1, True, None, "1"]),
        ("ArrayGetItem", ([5, 6], 1), 6),
        ("ArrayPartition", ([1, 2, 3], 1.6), [[1, 2], [3]]),
        ("ArrayRange", (1, 9, 4), [1, 5, 9]),
        ("ArrayRange", (3, 1, -1), [3, 2, 1]),
        ("MathAdd", (1.5, -0.6), 1),
        ("JsonMerge", ({"a": 1, "b": {"c": 1}}, {"b": {}}, False), {"a": 1, "b": {}}),
        ("UUID", (), "States.UUID"),
    ],
)
def test_a_function_has_the_value_of_aws(name: str, arguments: Any, value: Any) -> None:
    found = call(name, *arguments)

    assert found == value
    assert repr(found) == repr(value)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ArrayGetItem", ([5], -1)),
        ("ArrayGetItem", ([5], 1)),
        ("ArrayPartition", ([5], 0)),
        ("ArrayRange", (1, 9, 0)),
        ("ArrayRange", (1, 1001, 1)),
        ("MathAdd", (True, 1)),
        ("MathAdd", ("1", 1)),
        ("MathRandom", (1, 1)),
        ("JsonMerge", ({}, {}, True)),
        ("JsonMerge", ({}, {})),
        ("ArrayUnique", (None,)),
    ],
)
def test_wrong_arguments_fail_by_name(name: str, arguments: Any) -> None:
    with pytest.raises(ExecutionError, match=rf"IntrinsicFailure.*States\.{name}"):
        call(name, *arguments)


def test_a_random_number_is_below_its_end_and_repeats_with_its_seed() -> None:
    assert {call("MathRandom", 1, 3) for _ in range(50)} == {1, 2}
    assert len({call("MathRandom", 1, 1000, 7) for _ in range(5)}) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"é": 2.0, "n": NULL, "t": True}, '{"é":2,"n":null,"t":true}'),
        ([0.1 + 0.2, 1e21, 12345678901234567890.0], "[0.3,1e+21,12345678901234600000]"),
        ([len, None], '["",null]'),
        (1.0, "known"),
    ],
)
def test_jsonata_writes_json(value: Any, text: str) -> None:
    known: Callable[[Any, bool], str] = lambda *_: "known"  # noqa: E731

    assert intrinsics.jsonata_text(known, NULL, value, False) == text


def test_jsonata_writes_lines() -> None:
    assert (
        intrinsics.jsonata_text(lambda *_: "", NULL, {"é": [1]}, True)
        == '{\n  "é": [\n    1\n  ]\n}'
    )
