"""Hostile values for tests: input of an attacker or of a broken program."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from flowbridge.logs import JsonFormatter
from ops.settings import REPOSITORY
from tests.support.cases import TRIED
from tests.support.functions import LEAD

#: The long form, `make test-hostile`, tries this many times as much as `make test`.
FACTOR = int(os.environ.get("HOSTILE_FACTOR", "1"))

#: The largest event that EventBridge accepts (the emulator accepts more), less its own envelope and
#: the fields that CatchErrors adds.
LARGEST_EVENT = 256 * 1024 - 2048

SOURCES = {".py", ".json"}

TEXTS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\r\n2026-01-01 ERROR forged line",
    '"}\n{"level":"ERROR","message":"forged"}',
    "\x1b[2J\x1b]0;owned\x07",
    "\x7f\x85\x9b",
    "\u2028\u2029\ufeff\u200b",
    "\u202egnp.exe",
    "e\u0301\u0344\U0001d160",
    "👩‍👩‍👧‍👦🦊",
    "\ud83e",
    "\udd8a\ud83e",
    "\ufffe\uffff",
    "'; DROP TABLE CLIENTS; -- ",
    "\\' OR 1=1 #",
    "\\",
    "%s%s%(name)s{0}{name!r}",
    "${jndi:ldap://127.0.0.1/a}",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "../../etc/passwd",
    "\u0661-9",
    "1-9\n",
    "123456\n",
    "a@b.cl\n",
    "\u017f@b.cl",
    "000000001-K",
    "NaN",
    "x" * 101,
    "🦊" * 100,
    "é" * 9000,
)
NUMBERS = (
    0,
    -0.0,
    -1,
    1e308,
    2**31,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    10**400,
    1.5,
    999999999999999.5,
)
#: Tokens of JSON that no Python value is written as.
TOKENS = (
    "1e400",
    "-1e400",
    "-0",
    "0.1e7",
    "1E5",
    "NaN",
    "Infinity",
    "9" * 5000,
    "01",
    "0x10",
    "tru",
)


def cases(count: int, **changes: Any) -> Callable[[Any], Any]:
    """Return how many cases a test tries: `count`, and `FACTOR` times that in the long form."""
    given = {
        "max_examples": count * FACTOR,
        "deadline": None,
        "derandomize": FACTOR == 1,
        "database": None,
        "suppress_health_check": list(HealthCheck),
        "phases": (Phase.explicit, Phase.generate, Phase.shrink),
        **changes,
    }

    def counted(test: Any) -> Any:
        inner = test.hypothesis.inner_test

        @wraps(inner)
        def one(*arguments: Any, **named: Any) -> Any:
            TRIED[0] += 1
            return inner(*arguments, **named)

        test.hypothesis.inner_test = one
        return settings(**given)(test)

    return counted


texts = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(), max_size=120))
numbers = st.one_of(st.sampled_from(NUMBERS), st.integers(), st.floats(allow_nan=False))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
)
#: Numbers that JSON can hold and a strict reader accepts: infinity is excluded.
json_values = values.filter(lambda value: "Infinity" not in json.dumps(value))

ruts = st.from_regex(r"[0-9]{1,9}-[0-9kK]", fullmatch=True)
ids = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}", fullmatch=True)
titles = st.text(min_size=1, max_size=50)
slugs = st.from_regex(r"[A-Za-z0-9/_.%?#-]{1,40}", fullmatch=True)
urls = slugs.map(lambda slug: f"https://blog.example.com/{slug}")
times = st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|\+00:00)",
    fullmatch=True,
)
#: Portable Text, more or less: its own names with anything below them.
spans = st.dictionaries(st.sampled_from(["text", "marks", "_key", "href", "_type"]), values | texts)
blocks = st.lists(
    st.dictionaries(
        st.sampled_from(
            ["_type", "children", "style", "listItem", "level", "markDefs", "code", "asset", "url"]
        ),
        st.lists(spans, max_size=3) | values | st.sampled_from(["block", "code", "image", "h2"]),
    ),
    max_size=5,
)
#: For each field mostly what is good, or nearly so.
FIELD_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text(min_size=1, max_size=100),
    "lastname": st.text(min_size=1, max_size=100),
    "store": st.text(min_size=1, max_size=100),
    "rut": ruts | ruts.map(lambda rut: f" {rut} "),
    "phone": st.integers(10**5, 10**15 - 1) | st.from_regex(r"\+?[0-9 ().-]{6,15}", fullmatch=True),
    "mail": st.emails(),
    "wantsBenefit": st.booleans(),
    "origin": st.sampled_from(["app", "web"]),
    "tenantId": st.sampled_from(["acme", "globex", "nobody"]),
    "email": st.emails(),
    **dict.fromkeys(
        ("_id", "id"), st.from_regex(r"(drafts\.)?[A-Za-z0-9._-]{1,128}", fullmatch=True)
    ),
    **dict.fromkeys(("_rev", "revision"), st.text(min_size=1, max_size=128)),
    "title": st.text(min_size=1, max_size=100),
    "description": st.text(max_size=500),
    "slug": slugs | st.builds(dict, current=slugs),
    "body": st.text(min_size=1) | st.just("**Text**") | blocks,
    "categories": st.lists(titles | st.builds(dict, title=titles), max_size=5),
    "categorySlugs": st.lists(slugs, max_size=5),
    "mainImage": urls | st.builds(dict, asset=st.builds(dict, url=urls)),
    "canonicalUrl": urls,
    **dict.fromkeys(("_createdAt", "_updatedAt", "createdAt", "updatedAt"), times),
    "targets": st.lists(st.sampled_from(["medium", "devto", "hashnode", "opensearch"])),
}
EXAMPLE = {
    **LEAD,
    "tenantId": "acme",
    "email": "ada@example.com",
    **dict.fromkeys(("_id", "id"), "b1946ac9"),
    **dict.fromkeys(("_rev", "revision"), "r1"),
    "title": "Starting workflows from code",
    "description": "Why.",
    "slug": "workflows",
    "body": "Some work begins with **an event**.",
    "categories": ["AWS", "Step Functions"],
    "categorySlugs": ["aws", "step-functions"],
    "mainImage": "https://images.example.com/a.png",
    "canonicalUrl": "https://blog.example.com/workflows",
    **dict.fromkeys(("_createdAt", "createdAt"), "2026-11-20T16:05:11Z"),
    **dict.fromkeys(("_updatedAt", "updatedAt"), "2026-11-21T09:30:00Z"),
    "targets": ["medium", "devto", "hashnode", "opensearch"],
}


@st.composite
def objects(draw: st.DrawFn, fields: Iterable[str]) -> dict[str, Any]:
    """Return an object with these fields: good, or with some that are hostile, missing or new."""
    found: dict[str, Any] = {}
    harm = draw(st.sampled_from([0, 0, 1, 1, 2, 9]))
    hostile = draw(st.sets(st.sampled_from(sorted(fields)), max_size=harm)) if harm else set()
    for name in fields:
        if name not in hostile:
            found[name] = draw(FIELD_VALUES[name] | st.just(EXAMPLE[name]))
        elif draw(st.integers(0, 4)):
            found[name] = draw(values if draw(st.booleans()) else texts)
    if harm and draw(st.integers(0, 3)) == 0:
        found |= draw(st.dictionaries(texts, values, min_size=1, max_size=3))
    return found


@st.composite
def bodies(draw: st.DrawFn, fields: Iterable[str]) -> str:
    """Return the text of a body: an object's JSON, some of it broken on the way."""
    value = draw(objects(fields) if draw(st.integers(0, 9)) else values)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    damage = draw(st.integers(0, 20))
    if damage == 0 and isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        twice = f"{json.dumps(name)}: {json.dumps(draw(scalars))}"
        text = f"{text[:-1]}, {twice}}}"
    elif damage == 1:
        text = re.sub(r"\btrue\b|\bfalse\b|\b[0-9]{5,}\b", draw(st.sampled_from(TOKENS)), text)
    elif damage == 2:
        depth = draw(st.sampled_from([10, 900, 5_000]))
        opened, closed = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
        text = opened * depth + text + closed * depth
    elif damage == 3:
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(texts) + text[place:]
    elif damage == 4:
        text = text + " " * draw(st.sampled_from([1, 16 * 1024, 300_000]))
    elif damage == 5:
        text = draw(st.sampled_from(["\ufeff", "\x00", "//x\n", "{} "])) + text
    return text


def sent_texts(*parts: Any) -> Iterator[str]:
    """Yield what of a value would be seen to leak: its texts and numbers of some length."""
    for part in parts:
        if isinstance(part, dict):
            yield from sent_texts(*part.keys(), *part.values())
        elif isinstance(part, list):
            yield from sent_texts(*part)
        elif isinstance(part, str | int) and len(str(part)) >= 6:
            yield str(part)


#: The words of our own messages. Hypothesis also tries texts that it finds in the code.
VOCABULARY = "\n".join(
    file.read_text() for file in (REPOSITORY / "lambda_src").rglob("*.*") if file.suffix in SOURCES
)


def leaked(text: str, *sent: Any) -> list[str]:
    """Return the sent texts that another text holds, as they are or as JSON writes them."""
    found = {value for value in sent_texts(*sent) if value not in VOCABULARY}
    return [v for v in found if v in text or json.dumps(v)[1:-1] in text]


def check_log(records: list[logging.LogRecord], *sent: Any) -> None:
    """See that each record is one line of JSON, holds nothing that was sent, and no traceback."""
    formatter = JsonFormatter()
    for record in records:
        if record.levelno <= logging.DEBUG:
            continue
        line = formatter.format(record)
        assert line.isascii()
        assert line.isprintable()
        fields = json.loads(line, parse_constant=_refused)
        assert "Traceback" not in line
        assert "exception" not in fields
        assert leaked(line, *sent) == []
    records.clear()


def attempt(call: Callable[[], Any], *errors: type[Exception]) -> tuple[Any, Exception | None]:
    """Return what a call returns, or which of the errors it raised that it may."""
    try:
        return call(), None
    except errors as error:
        return None, error


def strict_json(text: str) -> Any:
    """Return what a strict reader of JSON finds in a text.

    Raises
    ------
    ValueError
        When it is not JSON, repeats a name in an object, or has half a surrogate pair.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    text.encode()
    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=_refused)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("too deep") from None
    return value


def loose_json(text: str) -> Any:
    """Return what Python's own reader finds in a text, or nothing."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _refused(name: str) -> Any:
    raise ValueError(name)
