"""Texts and numbers of intrinsic functions and of JSONata as AWS has them: JSON, not Python.

MiniStack writes ``None``, ``True`` and Python's lists into a text, escapes letters, and takes ``1``
and ``true`` for equal.
https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

#: Evaluates a call: its node, the input and the context object.
Execute = Callable[[Any, Any, Any], Any]

FAILURE = "States.IntrinsicFailure"
RANGE_ITEMS = 1000
#: Larger numbers are written with an exponent.
EXPONENT_FROM = 1e21


def apply() -> None:
    """Replace MiniStack's functions, and one of the library that evaluates JSONata."""
    from jsonata.functions import Functions  # type: ignore[import-untyped]
    from jsonata.utils import Utils  # type: ignore[import-untyped]
    from ministack.services import stepfunctions as machines

    machines._exec_intrinsic = with_functions(machines, machines._exec_intrinsic)
    write = partial(jsonata_text, Functions._string, Utils.NULL_VALUE)
    Functions._string = staticmethod(write)


def with_functions(machines: Any, execute: Execute) -> Execute:
    """Return MiniStack's evaluation of an intrinsic function, with AWS's functions and error."""

    def exec_intrinsic(node: Any, data: Any, context: Any) -> Any:
        _, name, arguments = node
        function = FUNCTIONS.get(name)
        try:
            if function is None:
                return execute(node, data, context)
            return function(*(machines._eval_intrinsic_arg(a, data, context) for a in arguments))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            cause = f"Invalid arguments in {name}: {error}"
            raise machines._ExecutionError(FAILURE, cause) from None

    return exec_intrinsic


def text(value: Any) -> str:
    """Return a value as JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def formatted(template: str, *values: Any) -> str:
    """Return a template with a value for each ``{}``; a text as it is, others as JSON."""
    parts, waiting, at = list[str](), list(values), 0
    while at < len(template):
        if template[at] == "\\" and at + 1 < len(template):
            parts.append(template[at + 1])
            at += 2
        elif template.startswith("{}", at):
            if not waiting:
                raise ValueError("there are fewer values than {}")
            value = waiting.pop(0)
            parts.append(value if isinstance(value, str) else text(value))
            at += 2
        else:
            parts.append(template[at])
            at += 1
    if waiting:
        raise ValueError("there are more values than {}")
    return "".join(parts)


def integer(value: Any) -> int:
    """Return a number rounded to the nearest integer."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{text(value)} is not a number")
    return math.floor(value + 0.5)


def item(array: list[Any], index: Any) -> Any:
    """Return an item of an array, whose first one has the index 0."""
    at = integer(index)
    if at < 0:
        raise ValueError(f"the index {at} is negative")
    return array[at]


def unique(array: list[Any]) -> list[Any]:
    """Return the different items of an array, in their order."""
    found: dict[str, Any] = {}
    for value in array:
        found.setdefault(same(value), value)
    return list(found.values())


def same(value: Any) -> str:
    """Return a text that equal values share."""
    return json.dumps(value, sort_keys=True)


def partitioned(array: list[Any], size: Any) -> list[list[Any]]:
    """Return the items of an array in chunks."""
    step = integer(size)
    if step < 1:
        raise ValueError(f"the size {step} is not positive")
    return [array[at : at + step] for at in range(0, len(array), step)]


def numbers(first: Any, last: Any, step: Any) -> list[int]:
    """Return the numbers from the first to the last one, both included."""
    begin, end, by = integer(first), integer(last), integer(step)
    found = range(begin, end + (1 if by > 0 else -1), by)
    if len(found) > RANGE_ITEMS:
        raise ValueError(f"the array has more than {RANGE_ITEMS} items")
    return list(found)


def chance(begin: Any, end: Any, seed: Any = None) -> int:
    """Return a number from the first one on, below the second one."""
    source = random.Random() if seed is None else random.Random(integer(seed))  # noqa: S311
    return source.randrange(integer(begin), integer(end))


def merged(first: Mapping[str, Any], second: Mapping[str, Any], is_deep: bool) -> Any:
    """Return the members of two objects; AWS merges the first level only."""
    if is_deep is not False:
        raise ValueError("the third argument is not false")
    return {**first, **second}


#: https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "States.Format": formatted,
    "States.JsonToString": text,
    "States.JsonMerge": merged,
    "States.ArrayContains": lambda array, value: same(value) in map(same, array),
    "States.ArrayGetItem": item,
    "States.ArrayPartition": partitioned,
    "States.ArrayRange": numbers,
    "States.ArrayUnique": unique,
    "States.MathAdd": lambda one, other: integer(one) + integer(other),
    "States.MathRandom": chance,
}


def jsonata_text(known: Callable[[Any, bool], str], null: Any, value: Any, prettify: bool) -> str:
    """Return a value as ``$string`` gives it.

    Parameters
    ----------
    known
        The library's function, which gives numbers and functions of their own the right text.
    null
        The library's value for null.
    value
        The value, which is not a text.
    prettify
        Whether the text has lines.
    """
    if not isinstance(value, dict | list):
        return known(value, prettify)
    if prettify:
        return json.dumps(plain(value, null), ensure_ascii=False, indent=2)
    return text(plain(value, null))


def plain(value: Any, null: Any) -> Any:
    """Return a value of JSONata as JSON has it: with 15 digits, and nothing for a function."""
    if value is null or value is None:
        return None
    if isinstance(value, dict):
        return {key: plain(member, null) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(member, null) for member in value]
    if isinstance(value, float):
        shortened = f"{value:.15g}"
        # As JavaScript writes numbers, from which JSONata has its form.
        is_whole = value.is_integer() and abs(value) < EXPONENT_FROM
        return int(Decimal(shortened)) if is_whole else float(shortened)
    return value if isinstance(value, str | int) else ""
