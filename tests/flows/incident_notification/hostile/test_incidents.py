"""Hostile incidents and replies: each ends as it should, and changes nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_notification.errors import InvalidReply
from incident_notification.reply import Meaning, meaning, read
from tests.flows.incident_notification.support.incidents import Incidents, new_incident
from tests.support.hostile import cases
from tests.support.platform import Platform, wait_for

WORDS = frozenset({"yes"}), frozenset({"no"})
#: Incidents with something odd about them, and whether their contacts are asked.
ODD: dict[str, tuple[dict[str, str], bool]] = {
    "every kind of letter": ({"description": "e\u0301\u202e🦊👩\u200d👧\uffff"}, True),
    "a template": ({"description": "{% $states %} ${jndi:ldap://x} {{x}} <script>"}, True),
    "quotes": ({"description": "\"'\\\n"}, True),
    "a long one": ({"description": "x" * 500}, True),
    "an id with spaces": ({"incident_id": "unit 1 / sensor"}, True),
    "a forged number": ({"first_contact": "+12065550100\r\n+19005550100"}, False),
    "several numbers": ({"first_contact": "+12065550100,+12065550101"}, False),
    "a premium short code": ({"first_contact": "90999"}, False),
    "another scheme": ({"url": "javascript:alert(1)"}, False),
    "one that is too long": ({"description": "x" * 501}, False),
    "a status of its own": ({"incident_stat": "closed"}, False),
}
REPLIES = ("{% $states %}", "yes" * 500, "😀", "YES;DROP TABLE", "y\u0000es", "no yes")


@pytest.fixture(scope="module")
def flow(platform: Platform) -> Incidents:
    return Incidents(platform.settings)


@cases(200)
@given(st.text())
def test_any_text_is_a_reply_without_an_error(text: str) -> None:
    assert meaning(text, *WORDS) in Meaning


@cases(200)
@given(st.one_of(st.text(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_any_message_is_a_reply_or_refused(body: str) -> None:
    try:
        read(body)
    except InvalidReply:
        return
    assert isinstance(json.loads(body), dict)


def test_odd_incidents_are_asked_about_or_kept(flow: Incidents) -> None:
    reported: dict[str, dict[str, Any]] = {}
    for name, (change, _) in ODD.items():
        incident = new_incident(**change)
        if "incident_id" in change:
            incident["incident_id"] += new_incident()["incident_id"]
        reported[name] = incident
    flow.report(*reported.values())

    for name, (_, is_asked) in ODD.items():
        incident = reported[name]
        if not is_asked:
            execution, _ = flow.over(incident["incident_id"])
            assert execution.error == "InvalidIncident", name
            assert flow.messages(incident["first_contact"]) == []
            continue
        message = flow.message(incident["first_contact"])
        assert incident["description"] in message["body"], name
        for text in REPLIES:
            flow.reply(incident["first_contact"], text)
        flow.reply(incident["first_contact"], "yes")
        flow.wait_until(incident["incident_id"], "acknowledged")
        assert flow.history(incident["incident_id"])[-1] == "acknowledged"
    [consumer] = flow.flow.consumers
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    for url in (consumer.queue_url, consumer.dead_letter_queue_url):

        def is_empty(url: str = url) -> bool:
            found = flow.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
            return not sum(int(value) for value in found["Attributes"].values())

        wait_for(is_empty, f"an empty queue {url}", 30)
