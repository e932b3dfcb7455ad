"""Filter patterns of CloudWatch Logs that select lines of JSON.

``{ $.level = "ERROR" && $.record.status != "success" }``: comparisons of fields with strings
(``*`` stands for any text), numbers, ``EXISTS``, ``NOT EXISTS``, ``IS NULL``, ``IS TRUE`` and
``IS FALSE``, joined by ``&&``, ``||`` and parentheses
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html).
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

TOKEN = re.compile(
    r"""\s*(?:
        (?P<field>\$(?:\.[A-Za-z0-9_-]+|\[\d+\])+)
      | (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<sign>&&|\|\||!=|<=|>=|[=<>()])
      | (?P<word>[^\s()=<>&|!"]+)
    )""",
    re.VERBOSE,
)
STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")
ORDERS = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}
TESTS: dict[tuple[str, ...], Callable[[Any], bool]] = {
    ("EXISTS",): lambda value: value is not MISSING,
    ("NOT", "EXISTS"): lambda value: value is MISSING,
    ("IS", "NULL"): lambda value: value is None,
    ("IS", "TRUE"): lambda value: value is True,
    ("IS", "FALSE"): lambda value: value is False,
}

MISSING: Any = object()
Matcher = Callable[[Any], bool]


class PatternError(ValueError):
    """The pattern cannot be read."""


def is_json(pattern: str) -> bool:
    """Return whether a pattern selects lines of JSON."""
    return pattern.strip().startswith("{")


@lru_cache(maxsize=1000)
def compile_json(pattern: str) -> Callable[[str], bool]:
    """Return a function that says whether a line matches the pattern.

    Raises
    ------
    PatternError
        When the pattern has no such form.
    """
    text = pattern.strip()
    if not (text.startswith("{") and text.endswith("}")):
        raise PatternError(f"no braces around {pattern!r}")
    parser = _Parser(text[1:-1])
    matcher = parser.alternatives()
    parser.end()

    def matches(line: str) -> bool:
        if not line.lstrip().startswith(("{", "[")):
            return False
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return False
        return matcher(value)

    return matches


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while text[position:].strip():
            found = TOKEN.match(text, position)
            if found is None:
                raise PatternError(f"cannot read {text[position:]!r}")
            self._tokens.append((found.lastgroup or "", found[found.lastgroup or 0]))
            position = found.end()
        self._next = 0

    def alternatives(self) -> Matcher:
        """Read terms that are joined by ``||``."""
        terms = [self._conjunction()]
        while self._skip("||"):
            terms.append(self._conjunction())
        return lambda value: any(term(value) for term in terms)

    def end(self) -> None:
        """Check that nothing is left."""
        if self._next < len(self._tokens):
            raise PatternError(f"unexpected {self._tokens[self._next][1]!r}")

    def _conjunction(self) -> Matcher:
        terms = [self._term()]
        while self._skip("&&"):
            terms.append(self._term())
        return lambda value: all(term(value) for term in terms)

    def _term(self) -> Matcher:
        if self._skip("("):
            inner = self.alternatives()
            if not self._skip(")"):
                raise PatternError("a parenthesis is not closed")
            return inner
        kind, field = self._take()
        if kind != "field":
            raise PatternError(f"{field!r} is not a field")
        test = self._test()
        return lambda value: test(selected(value, field))

    def _test(self) -> Matcher:
        kind, sign = self._take()
        if kind == "word":
            words = [sign]
            while tuple(words) not in TESTS:
                words.append(self._take()[1])
            return TESTS[tuple(words)]
        operand_kind, operand = self._take()
        if operand_kind not in ("text", "word"):
            raise PatternError(f"{operand!r} is not a value")
        if sign in ORDERS:
            return _ordered(ORDERS[sign], float(operand))
        equal = _equal(operand_kind, operand)
        if sign == "=":
            return lambda value: value is not MISSING and equal(value)
        # A field that is missing differs from nothing.
        return lambda value: value is not MISSING and not equal(value)

    def _take(self) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise PatternError("the pattern ends too early")
        self._next += 1
        return self._tokens[self._next - 1]

    def _skip(self, sign: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next] == ("sign", sign):
            self._next += 1
            return True
        return False


def _ordered(compare: Callable[[Any, Any], bool], operand: float) -> Matcher:
    return lambda value: type(value) in (int, float) and compare(value, operand)


def _equal(kind: str, operand: str) -> Matcher:
    wanted: str = json.loads(operand) if kind == "text" else operand

    def equal(value: Any) -> bool:
        if isinstance(value, str):
            return fnmatchcase(value, re.sub(r"([\[?])", r"[\1]", wanted))
        if kind == "word" and type(value) in (int, float):
            try:
                return bool(value == float(wanted))
            except ValueError:
                return wanted == "*"
        return kind == "word" and wanted == "*"

    return equal


def selected(value: Any, field: str) -> Any:
    """Return a field such as ``$.record.status`` of a JSON value; `MISSING` if it is not there."""
    for name, index in STEP.findall(field):
        if name and isinstance(value, dict) and name in value:
            value = value[name]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return MISSING
    return value
