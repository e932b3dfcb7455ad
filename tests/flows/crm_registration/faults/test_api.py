"""The CRM API fails in every way that a caller can see."""

from __future__ import annotations

import time

import pytest

from tests.flows.crm_registration.support.leads import READ_SECONDS, Faulty, Leads
from tests.support.fault_proxy import Fault

#: Each for as long as the retries of a state last, so that some leads wait in the end.
FAULTS = {
    "500": Fault(status=500, delivered=False),
    "503": Fault(status=503, delivered=False),
    "429": Fault(status=429, delivered=False),
    "504-after-the-row-was-written": Fault(status=504),
    "slower-than-the-callers-patience": Fault(seconds=READ_SECONDS + 1),
    "reset-before-the-request-arrived": Fault(delivered=False),
    "reset-before-the-answer": Fault(cut=0),
    "reset-in-the-head": Fault(cut=60),
    "reset-in-the-body": Fault(cut=250),
}


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_api_fails_for_a_while(faulty: Faulty, stream: Leads, fault: Fault) -> None:
    hits = faulty.api.hits
    with stream.flowing(16), faulty.api.fault(fault):
        time.sleep(6)

    reasons = stream.settle()

    assert faulty.api.hits > hits
    assert all("CrmUnavailable" in reason for reason in reasons), reasons


@pytest.mark.long
def test_nobody_listens_for_a_while(faulty: Faulty, stream: Leads) -> None:
    with stream.flowing(16), faulty.api.refusing():
        time.sleep(6)

    reasons = stream.settle()

    assert all("CrmUnavailable" in reason for reason in reasons), reasons


def test_every_kind_of_failure_at_once(faulty: Faulty, stream: Leads) -> None:
    hits = faulty.api.hits
    kinds = [Fault(**{**vars(fault), "times": 1}) for fault in FAULTS.values()]
    with faulty.api.fault(*kinds):
        with stream.flowing(6):
            time.sleep(1)
            with faulty.api.refusing():
                time.sleep(1)
        stream.ended()

    stream.settle()

    assert faulty.api.hits - hits >= len(kinds)
