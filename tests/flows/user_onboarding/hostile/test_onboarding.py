"""Hostile sign-ups, at the door and on the bus: a user, or a message that can be redriven."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from ops.flows import DeployedFlow, inspector
from ops.recovery.reconcile import Fate, Reconciliation
from ops.settings import LOCAL
from tests.flows.user_onboarding.support.onboarding import FLOW, Onboarding, event_of, new_signup
from tests.support.hostile import LARGEST_EVENT, bodies, cases
from tests.support.platform import Platform, wait_for
from tests.support.public_api import CHECKS, PublicApi

FIELDS = ("tenantId", "email", "name")
#: Good sign-ups with something odd about them, and whether they are taken.
ODD: dict[str, tuple[dict[str, Any], bool]] = {
    "every kind of letter": ({"name": "e\u0301\u202e🦊👩\u200d👧\uffff"}, True),
    "a template": ({"name": "{{#each x}}{{name}}{{/each}} ${jndi:ldap://x} {% $x %}"}, True),
    "a field that nobody knows": ({"admin": True, "execution": {"S": "arn:x"}}, True),
    "NUL": ({"name": "a\x00b"}, False),
    "a forged line of a log": ({"name": "x\r\n2026 ERROR forged"}, False),
    "a forged mail": ({"email": "a@example.com\r\nBcc: b@example.com"}, False),
    "several addresses": ({"email": "a@example.com,b@example.com"}, False),
    "another tenant's space": ({"userId": "../globex/eve"}, False),
    "a tenant that is none": ({"tenantId": "acme globex"}, False),
    "a user that is an object": ({"userId": {"S": "x"}}, False),
    "a large one that fails": ({"email": "x", "note": "n" * (LARGEST_EVENT - 500)}, False),
    "a deep one that fails": ({"email": "x", "note": json.loads("[" * 400 + "]" * 400)}, False),
}


class Door(PublicApi):
    """``POST /signup``, and which sign-ups it took."""

    def __init__(self, platform: Platform) -> None:
        self.onboarding = Onboarding(platform.settings)
        url = self.onboarding.outputs["flows"][FLOW]["apis"]["signup"]["url"]
        super().__init__(url, self.onboarding.api_document(FLOW, "signup"))
        self.taken: set[str] = set()
        self.began = datetime.now(UTC).replace(microsecond=0)

    def check(self, response: Any) -> None:
        """Remember a sign-up that was taken."""
        if response.status_code == 202:
            self.taken.add(response.json()["id"])


@pytest.fixture(scope="module")
def door(platform: Platform) -> Iterator[Door]:
    door = Door(platform)
    yield door
    door.session.close()


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_its_own_document(
    mode: schemathesis.GenerationMode, door: Door, platform: Platform
) -> None:
    is_good = mode is schemathesis.GenerationMode.POSITIVE
    judge = positive_data_acceptance if is_good else negative_data_rejection

    @cases(10)
    @given(case=door.operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        if is_good:
            # Which tenants there are is not the document's to say.
            case.body["tenantId"] = "acme"
        response = case.call(base_url=door.url, session=door.session, timeout=60)
        case.validate_response(response, checks=[*CHECKS, judge])
        door.check(response)

    run()


def test_any_body(door: Door, platform: Platform) -> None:
    @cases(20)
    @given(text=bodies(FIELDS))
    def run(text: str) -> None:
        door.check(door.post_text(text))

    run()


@pytest.fixture(scope="module")
def ended(platform: Platform) -> dict[str, tuple[dict[str, Any], str, str]]:
    """Each sign-up as it was sent, with the status and the ARN of its execution."""
    onboarding = Onboarding(platform.settings)
    sent: dict[str, Any] = {name: {**new_signup(), **changes} for name, (changes, _) in ODD.items()}
    # One at a time: a batch has the limit of one event.
    events: dict[str, str] = {
        name: onboarding.send(event_of(signup))[0] for name, signup in sent.items()
    }
    executions = {name: onboarding.ended(event)[0] for name, event in events.items()}
    return {name: (sent[name], e.status, e.arn) for name, e in executions.items()}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_sign_up(
    name: str, ended: dict[str, tuple[dict[str, Any], str, str]], platform: Platform
) -> None:
    signup, status, arn = ended[name]
    onboarding = Onboarding(platform.settings)

    if ODD[name][1]:
        record = onboarding.record(signup) or {}
        assert status == "SUCCEEDED"
        assert set(record) == {"tenantId", "userId", "email", "name", "createdAt", "execution"}
        assert record["execution"] == {"S": arn}
        return
    assert status == "FAILED"
    letter = onboarding.letter(arn)
    assert letter.error == "InvalidSignup"
    assert (letter.event or {})["detail"] == signup


def test_nothing_that_the_door_took_is_lost(door: Door, platform: Platform) -> None:
    client, outputs = door.onboarding.aws.client, door.onboarding.outputs
    look = inspector(DeployedFlow(FLOW, LOCAL, client, outputs))
    reconciliation = Reconciliation(client, door.onboarding.flow, outputs["event_audit"], look)

    def settled() -> Any:
        report = reconciliation.report(door.began, time.sleep)
        return None if report.counts[Fate.IN_FLIGHT] else report

    report = wait_for(settled, "the end of all sign-ups", 90)
    verdicts = {verdict.event.id: verdict for verdict in report.verdicts}
    assert door.taken
    for verdict in (verdicts[event] for event in door.taken):
        # Two bodies may have one address and two names; the second is not that user.
        is_another = verdict.fate is Fate.WAITING and verdict.reason == "UserExists in CreateUser"
        assert verdict.fate is Fate.ARRIVED or is_another, verdict
    assert report.is_whole, report.summary
