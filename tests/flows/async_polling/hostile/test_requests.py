"""Hostile requests on the bus: results, or a message that can be redriven."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.flows.async_polling.support.analysis import Analysis, request
from tests.support.hostile import LARGEST_EVENT
from tests.support.platform import Platform

#: Requests with something odd about them, and the error of each that is refused.
ODD: dict[str, tuple[dict[str, Any], str | None]] = {
    "every kind of letter": ({"text": "e\u0301\u202e🦊👩\u200d👧\uffff fox"}, None),
    "an expression": ({"text": "{% $states.context %} ${call} {{x}}"}, None),
    "a field that nobody knows": ({"admin": True, "token": "stolen"}, None),
    "a text of spaces": ({"text": " \n\t "}, None),
    "a text and documents": ({"documents": ["x"], "text": "y"}, "InvalidRequest"),
    "no text": ({"text": ""}, "InvalidRequest"),
    "documents that are none": ({"documents": [], "text": ""}, "InvalidRequest"),
    "too many documents": ({"documents": ["x"] * 101, "text": ""}, "InvalidRequest"),
    "a document that is an object": ({"documents": [{"S": "x"}], "text": ""}, "InvalidRequest"),
    "an id with a path": ({"id": "../x"}, "InvalidRequest"),
    "limits of another kind": ({"limits": {"token": "x"}}, "InvalidRequest"),
    "a limit that is a text": ({"limits": {"waitSeconds": "1"}}, "InvalidRequest"),
    "a limit above the call's": ({"limits": {"deadlineSeconds": 10**6}}, "AsyncCallFailed"),
    "a limit that is no time": ({"limits": {"waitSeconds": 1e300}}, "AsyncCallFailed"),
    "a large one": ({"text": "x" * 40001}, "InvalidRequest"),
    "larger than a state": ({"text": "x", "note": "n" * (LARGEST_EVENT - 3000)}, "InvalidRequest"),
    "as large as a state": ({"text": "x", "note": "n" * 240_000}, None),
    "a text that grows in JSON": ({"text": "\\" * 40000}, "AsyncCallFailed"),
}


@pytest.fixture(scope="module")
def ended(platform: Platform) -> dict[str, tuple[dict[str, Any], Any]]:
    """Each request as it was sent, with its execution."""
    analysis = Analysis(platform.settings)
    sent = {name: {**request(), **changes} for name, (changes, _) in ODD.items()}
    # One at a time: a batch has the limit of one event.
    events = {name: analysis.publish(one)[0] for name, one in sent.items()}
    return {name: (sent[name], analysis.ended(event)[0]) for name, event in events.items()}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_request(
    name: str, ended: dict[str, tuple[dict[str, Any], Any]], platform: Platform
) -> None:
    sent, execution = ended[name]
    error = ODD[name][1]

    assert execution.error == error, execution.cause
    if error is None:
        assert (execution.answer or {})["id"] == sent["id"]
        return
    message = Analysis(platform.settings).failed_message(execution)
    if message["event"]:
        assert message["event"]["detail"] == json.loads(json.dumps(sent))
    else:
        assert message["eventId"]
