"""Events of a file: what is read, what is refused, what reaches the bus."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.executions.events import MAX_BYTES, Event, Malformed, Publisher, batches, read

GOOD = {"source": "kranio.event.crm", "detail-type": "CRM Registration", "detail": {"rut": "1-9"}}


class Bus:
    """A bus that answers each PutEvents call with the next scripted list of error codes."""

    def __init__(self, *answers: list[str | None]) -> None:
        self._answers = list(answers)
        self.calls: list[list[dict[str, str]]] = []

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        self.calls.append(Entries)
        codes = self._answers.pop(0) if self._answers else [None] * len(Entries)
        entries = [
            {"ErrorCode": code, "ErrorMessage": "no"} if code else {"EventId": f"id-{number}"}
            for number, code in enumerate(codes)
        ]
        return {"FailedEntryCount": sum(map(bool, codes)), "Entries": entries}


def event(line: int, detail: str = "{}") -> Event:
    return Event(line=line, source="s", detail_type="t", detail=detail)


def test_one_object_may_span_lines() -> None:
    assert read(json.dumps(GOOD, indent=2)) == [
        Event(1, "kranio.event.crm", "CRM Registration", '{"rut":"1-9"}')
    ]


def test_malformed_lines_are_named_and_the_others_are_read() -> None:
    lines = [
        json.dumps(GOOD),
        "{not json",
        "",
        "[1]",
        json.dumps({**GOOD, "detail": "text"}),
        json.dumps({"source": "x", "detail-type": "y"}),
        json.dumps(GOOD),
    ]

    items = read("\n".join(lines))

    assert [item.line for item in items if isinstance(item, Event)] == [1, 7]
    reasons = {item.line: item.reason for item in items if isinstance(item, Malformed)}
    assert set(reasons) == {2, 4, 5, 6}
    assert "not JSON" in reasons[2]
    assert "array" in reasons[4]
    assert "'detail'" in reasons[5]
    assert "string" in reasons[5]
    assert "no 'detail'" in reasons[6]


def test_only_a_new_line_ends_a_line() -> None:
    text = "one\u2028two\u2029three\x85four"
    line = json.dumps({**GOOD, "detail": {"text": text}}, ensure_ascii=False)

    items = read(f"{line}\r\n{line}\n")

    assert [json.loads(item.detail) for item in items if isinstance(item, Event)] == [
        {"text": text},
        {"text": text},
    ]


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ('{"n":' + "1" * 5000 + "}", "holds a number of more than 4,300 digits"),
        ('{"n":' + "[" * 100_000 + "]" * 100_000 + "}", "is nested too deeply"),
        (r'{"n":"\ud800"}', "holds half of a surrogate pair"),
    ],
    ids=["number", "depth", "surrogate"],
)
def test_what_python_cannot_read_is_named_and_the_others_are_read(detail: str, reason: str) -> None:
    bad = f'{{"source":"s","detail-type":"t","detail":{detail}}}'

    for text in (bad, f"{json.dumps(GOOD)}\n{bad}\n{json.dumps(GOOD)}"):
        malformed = [item for item in read(text) if isinstance(item, Malformed)]

        assert [item.line for item in malformed] == [1 if text == bad else 2]
        assert reason in malformed[0].reason


def test_an_event_over_the_limit_is_refused_before_it_is_sent() -> None:
    big = {**GOOD, "detail": {"text": "x" * MAX_BYTES}}

    [item] = read(json.dumps(big))

    assert isinstance(item, Malformed)
    assert "262,144" in item.reason


def test_characters_outside_ascii_count_by_their_bytes() -> None:
    [item] = read(json.dumps({**GOOD, "detail": {"name": "Íñigo"}}))

    assert isinstance(item, Event)
    assert item.size == len(b"kranio.event.crm" + b"CRM Registration") + len(
        '{"name":"Íñigo"}'.encode()
    )


def test_batches_respect_both_limits_and_keep_the_order() -> None:
    half = "x" * (MAX_BYTES // 2)
    events = [event(n) for n in range(12)] + [event(12, half), event(13, half), event(14)]

    grouped = [[e.line for e in batch] for batch in batches(events)]

    assert grouped == [list(range(10)), [10, 11, 12], [13, 14]]


def test_a_refused_entry_is_reported_and_the_others_are_sent() -> None:
    bus = Bus([None, "MalformedDetail", None])

    outcomes = list(Publisher(bus, "bus").publish([event(1), event(2), event(3)]))

    assert [(o.event.line, o.event_id is not None) for o in outcomes] == [
        (1, True),
        (2, False),
        (3, True),
    ]
    assert outcomes[1].reason == "MalformedDetail: no"
    assert len(bus.calls) == 1


def test_a_throttled_entry_is_sent_again_alone() -> None:
    bus = Bus([None, "ThrottlingException"], [None])
    waits: list[float] = []

    outcomes = list(Publisher(bus, "bus", waits.append).publish([event(1), event(2)]))

    assert {o.event.line: o.event_id for o in outcomes} == {1: "id-0", 2: "id-0"}
    assert [len(call) for call in bus.calls] == [2, 1]
    assert len(waits) == 1


def test_an_entry_that_stays_throttled_is_reported_in_the_end() -> None:
    always: list[list[str | None]] = [["InternalFailure"]] * 10
    bus = Bus(*always)

    [outcome] = Publisher(bus, "bus", lambda _: None).publish([event(1)])

    assert outcome.event_id is None
    assert outcome.reason == "InternalFailure: no"
    assert len(bus.calls) == 4


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_has_no_events(text: str) -> None:
    assert read(text) == []
