"""The service fails in every way, and requests come more than once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.flows.async_polling.support.analysis import FLOW, LIMITS, Analysis, request
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.platform import Platform
from tests.support.stream import Stream

FAULTS = {
    "500": Fault(status=500, delivered=False),
    "429": Fault(status=429, delivered=False),
    "504-after-the-job-began": Fault(status=504),
    "reset-before-the-request-arrived": Fault(delivered=False),
    "reset-before-the-answer": Fault(cut=0),
    "reset-in-the-head": Fault(cut=20),
}
REFUSED = Fault(status=400, delivered=False)


@dataclass
class Requests(Stream[dict[str, Any]]):
    """Requests for texts that no other has."""

    analysis: Analysis = field(kw_only=True)

    def new(self) -> dict[str, Any]:
        """Return the next request, not sent yet."""
        self.items.append(request(limits={**LIMITS, "maxErrors": 2}))
        return self.items[-1]

    def put(self, *items: dict[str, Any]) -> list[str]:
        """Put requests onto the bus at once."""
        return self.analysis.publish(*items)

    def deliver_again(self, event: str, times: int) -> None:
        """Have an event start so many executions more at once, as EventBridge may."""
        first = self.analysis.execution(event)
        client = self.analysis.aws.client("stepfunctions")

        def start(number: int) -> None:
            client.start_execution(
                stateMachineArn=self.analysis.flow.state_machine_arn,
                name=f"{event}_{number}",
                input=first.input or "",
            )

        with ThreadPoolExecutor(times) as pool:
            list(pool.map(start, range(times)))

    def is_there_once(self, item: dict[str, Any]) -> bool:
        """Return whether the service split the text in one job that succeeded."""
        jobs = [
            job
            for job in self.analysis.ask("GET", "/jobs")
            if job["action"] == "split" and job["input"] == {"text": item["text"]}
        ]
        return [job["status"] for job in jobs].count("succeeded") == 1


@pytest.fixture(scope="module")
def service(platform: Platform) -> Iterator[FaultProxy]:
    """A proxy before the service."""
    analysis = Analysis(platform.settings)
    with (
        closing(FaultProxy(platform.settings.ports.emulator)) as proxy,
        analysis.service_at(proxy.port),
    ):
        yield proxy


@pytest.fixture
def requests(platform: Platform, service: FaultProxy) -> Requests:
    analysis = Analysis(platform.settings)
    return Requests(analysis, analysis=analysis)


def test_the_service_fails_in_every_way(service: FaultProxy, requests: Requests) -> None:
    hits = service.hits
    kinds = [Fault(**{**vars(fault), "times": 1}) for fault in FAULTS.values()]
    with service.fault(*kinds):
        with requests.flowing(5):
            time.sleep(0.5)
            with service.refusing():
                time.sleep(0.5)
        requests.ended()

    requests.settle()

    assert service.hits - hits == len(kinds)
    run = requests.analysis.make("reconcile", f"FLOW={FLOW}", f"SINCE={requests.since:%FT%TZ}")
    assert run.code == 0, run.text
    assert "0 lost" in run.text


def test_a_request_that_the_service_rejects_waits(service: FaultProxy, requests: Requests) -> None:
    with service.fault(REFUSED):
        requests.send(3)
        waiting = requests.waiting(requests.ended())

    assert waiting == ["failed: AsyncCallFailed in SplitText"] * 3
    requests.settle()


def test_the_same_event_several_times_at_once(requests: Requests) -> None:
    [event] = requests.send()
    requests.deliver_again(event, 3)

    assert not requests.settle()
    assert len(requests.analysis.jobs(event)) == 3
