"""The rules engine fails in every way: no wrong premium, and two items for each request."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.flows.business_rules.support.rules import Rules, request
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.platform import Platform

#: A fault that hits each of the two attempts, and the status of the answer.
FAULTS = {
    "500": (Fault(status=500, delivered=False), 503),
    "429": (Fault(status=429, delivered=False), 503),
    "504-after-the-work": (Fault(status=504), 503),
    "reset-before-the-request-arrived": (Fault(delivered=False), 503),
    "reset-before-the-answer": (Fault(cut=0), 503),
    "reset-in-the-head": (Fault(cut=20), 503),
    "slow": (Fault(seconds=3), 503),
    "400": (Fault(status=400, delivered=False), 502),
}


@pytest.fixture(scope="module")
def rules(platform: Platform) -> Rules:
    return Rules.on(platform)


@pytest.fixture(scope="module")
def engine(rules: Rules) -> Iterator[FaultProxy]:
    """A proxy before the engine."""
    with (
        closing(FaultProxy(rules.settings.ports.emulator)) as proxy,
        rules.engine_at(proxy.port),
    ):
        yield proxy


@pytest.mark.parametrize(("fault", "status"), FAULTS.values(), ids=FAULTS)
def test_a_fault_that_lasts_is_said_and_audited(
    rules: Rules, engine: FaultProxy, fault: Fault, status: int
) -> None:
    new = request()
    with engine.fault(fault):
        answer = rules.ask(new)

    assert answer[0] == status
    audit = rules.audit(new)
    assert (len(audit), audit["response"]["answer_kind"]) == (2, "error")
    # The same request later gets its premium, and no third item.
    assert rules.premium(new) == "360"
    assert len(rules.audit(new)) == 2


def test_a_fault_that_passes_is_not_seen(rules: Rules, engine: FaultProxy) -> None:
    kinds = [Fault(status=500, times=1), Fault(cut=0, times=1), Fault(delivered=False, times=1)]
    hits = engine.hits
    requests = [request() for _ in range(len(kinds))]
    with engine.fault(*kinds), ThreadPoolExecutor(len(kinds)) as pool:
        answers = list(pool.map(rules.ask, requests))

    assert engine.hits - hits == len(kinds)
    # Two faults may have hit the attempts of one request.
    assert {status for status, _ in answers} <= {200, 503}
    for new, (status, _) in zip(requests, answers, strict=True):
        kind = rules.audit(new)["response"]["answer_kind"]
        assert kind == ("answer" if status == 200 else "error")
