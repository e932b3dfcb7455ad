"""Hostile events on the running bus: each becomes rows, or a message that can be redriven."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.recovery import dead_letters
from tests.flows.crm_registration.support.registration import Registration
from tests.support.hostile import LARGEST_EVENT
from tests.support.platform import wait_for

GOOD = {
    "name": "Camila",
    "lastname": "Saavedra",
    "phone": 56983747263,
    "mail": "csaavedra@micorreo.com",
    "store": "est_central",
    "wantsBenefit": True,
}
#: Good leads with something odd about them, and whether they are taken.
ODD: dict[str, tuple[dict[str, Any], bool]] = {
    "every kind of letter": (
        {"name": "e\u0301\u202e🦊👩‍👩‍👧\u200d", "lastname": "\uffff\ufffe"},
        True,
    ),
    "SQL": ({"name": "'; DROP TABLE CLIENTS; -- ", "lastname": "\\' OR 1=1 #"}, True),
    "a field that nobody knows": ({"note": {"a": ["\r\nERROR", "${jndi:ldap://x}"]}}, True),
    "NUL": ({"name": "a\x00b"}, False),
    "a forged line of a log": ({"store": "x\r\n2026 ERROR forged"}, False),
    "what no queue takes, in a lead that fails": (
        {"name": "\uffff", "mail": "\ufffe"},
        False,
    ),
    "a large lead that fails": ({"mail": "x", "note": "n" * (LARGEST_EVENT - 500)}, False),
    "many small things in a lead that fails": ({"mail": "x", "note": [1] * 120_000}, False),
    "deep": ({"mail": "x", "note": json.loads("[" * 400 + "]" * 400)}, False),
}


@pytest.fixture(scope="module")
def ended(platform: Registration) -> dict[str, tuple[dict[str, Any], str, str]]:
    """Each lead as it was sent, with the status and the ARN of its execution."""
    leads = {
        name: {**GOOD, "rut": f"{61_000_000 + number}-5", **changes}
        for number, (name, (changes, _)) in enumerate(ODD.items())
    }
    # One at a time: a batch has the limit of one event.
    events = {name: platform.publish(lead)[0] for name, lead in leads.items()}
    executions = {name: platform.ended(event)[0] for name, event in events.items()}
    return {name: (leads[name], e.status, e.arn) for name, e in executions.items()}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_lead(
    name: str, ended: dict[str, tuple[dict[str, Any], str, str]], platform: Registration
) -> None:
    lead, status, arn = ended[name]
    is_taken = ODD[name][1]
    rows = platform.rows(lead["rut"])

    assert status == ("SUCCEEDED" if is_taken else "FAILED")
    assert {table: len(found) for table, found in rows.items()} == dict.fromkeys(
        rows, int(is_taken)
    )
    if is_taken:
        return
    sqs, url = platform.aws.client("sqs"), platform.flow.failed_queue_url

    def kept() -> dead_letters.DeadLetter | None:
        letters = dead_letters.look(sqs, dead_letters.FAILED, url)
        return next((letter for letter in letters if letter.execution == arn), None)

    letter = wait_for(kept, f"the message of {arn}", 60)
    # A large event is not in the message.
    letter = dead_letters.whole(letter, platform.executions.event)
    assert letter.event
    assert letter.event["detail"] == lead
    assert letter.error == "InvalidLead"
