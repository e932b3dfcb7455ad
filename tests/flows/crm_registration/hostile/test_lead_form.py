"""Hostile leads to the form's running API: an answer that its document describes, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import given
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from crm.lead import load_schema
from tests.flows.crm_registration.support.reference import expected
from tests.flows.crm_registration.support.registration import Registration
from tests.support.hostile import bodies, cases
from tests.support.public_api import CHECKS, PublicApi

FLOW = "crm_registration"


@pytest.fixture(scope="module")
def leads(platform: Registration) -> Iterator[PublicApi]:
    """``POST /leads``, at the address of the page."""
    leads = PublicApi(platform.settings.endpoint, platform.api_document(FLOW, "front_door"))
    leads.session.headers["Host"] = urlsplit(platform.outputs["flows"][FLOW]["web_url"]).netloc
    yield leads
    leads.session.close()


@pytest.fixture(scope="module")
def taken(platform: Registration) -> Iterator[list[str]]:
    """The leads that were taken; each of them ends as any other lead."""
    taken: list[str] = []
    yield taken
    ends = [platform.ended(event)[0] for event in taken]
    # Two leads may have one RUT and two names; the second is for a person to decide.
    assert {end.error for end in ends} <= {None, "CrmRejected"}


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_its_own_document(
    mode: schemathesis.GenerationMode, leads: PublicApi, taken: list[str], platform: Registration
) -> None:
    is_good = mode is schemathesis.GenerationMode.POSITIVE
    judge = positive_data_acceptance if is_good else negative_data_rejection

    @cases(10)
    @given(case=leads.operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        response = case.call(base_url=leads.url, session=leads.session, timeout=60)
        sent = (response.request.body or b"").decode(errors="replace")
        # Blanks at a value's ends are taken off before the rules are asked.
        is_judged = is_good or expected("form", sent) is None
        case.validate_response(response, checks=[*CHECKS, judge] if is_judged else CHECKS)
        if response.status_code == 202:
            taken.append(response.json()["id"])

    run()
    assert bool(taken) or not is_good


def test_any_body(leads: PublicApi, taken: list[str], platform: Registration) -> None:
    @cases(10)
    @given(text=bodies(load_schema()["properties"]))
    def run(text: str) -> None:
        response = leads.post_text(text)
        if response.status_code == 202:
            taken.append(response.json()["id"])

    run()
