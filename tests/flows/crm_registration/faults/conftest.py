"""Fixtures that the fault tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.crm_registration.support.leads import Faulty, Leads
from tests.flows.crm_registration.support.registration import Registration


@pytest.fixture(scope="module")
def faulty(platform: Registration) -> Iterator[Faulty]:
    """The platform, its functions' connections through proxies while these tests run."""
    with Faulty.of(platform) as faulty:
        yield faulty


@pytest.fixture
def stream(faulty: Faulty) -> Leads:
    """A new stream of leads."""
    return faulty.stream()
