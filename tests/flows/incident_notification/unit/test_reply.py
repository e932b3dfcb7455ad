"""A reply is read as End User Messaging publishes it, and means yes, no, stop or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from incident_notification.errors import InvalidReply
from incident_notification.reply import Meaning, Reply, meaning, read

YES, NO = frozenset({"yes", "ja", "sí"}), frozenset({"no", "nein"})
MESSAGE = {
    "originationNumber": "+12065550100",
    "destinationNumber": "+12065551000",
    "messageKeyword": "KEYWORD_1",
    "messageBody": "Yes",
    "inboundMessageId": "in-1",
    "previousPublishedMessageId": "out-1",
}


@pytest.mark.parametrize(
    "text", ["yes", "YES", " Yes. ", "yes!!", "\tyes\n", "\uff59es", "Ja", "SÍ", "si\u0301"]
)
def test_case_spaces_and_punctuation_do_not_matter(text: str) -> None:
    assert meaning(text, YES, NO) is Meaning.YES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No", Meaning.NO),
        ("nein.", Meaning.NO),
        ("STOP", Meaning.STOP),
        ("stop.", Meaning.STOP),
        ("Unsubscribe", Meaning.STOP),
        ("", Meaning.UNKNOWN),
        ("...", Meaning.UNKNOWN),
        ("yes and no", Meaning.UNKNOWN),
        ("yesterday", Meaning.UNKNOWN),
    ],
)
def test_a_word_has_one_meaning(text: str, expected: Meaning) -> None:
    assert meaning(text, YES, NO) is expected


def test_a_reply_is_read() -> None:
    assert read(json.dumps(MESSAGE)) == Reply("in-1", "+12065550100", "Yes", "out-1")


@pytest.mark.parametrize("answered", [None, "", 7])
def test_a_reply_may_answer_no_message(answered: Any) -> None:
    body = json.dumps({**MESSAGE, "previousPublishedMessageId": answered})

    assert read(body).answered is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "[" * 100_000,
        json.dumps({**MESSAGE, "messageBody": None}),
        json.dumps({**MESSAGE, "inboundMessageId": 7}),
        json.dumps({"messageBody": "yes"}),
    ],
)
def test_anything_else_is_refused(body: str) -> None:
    with pytest.raises(InvalidReply):
        read(body)
