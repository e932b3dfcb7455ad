"""The team's webhook fails in every way, and sign-ups come more than once at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from tests.flows.user_onboarding.support.onboarding import Onboarding, event_of, new_signup
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.platform import Platform
from tests.support.stream import Stream

FAULTS = {
    "500": Fault(status=500, delivered=False),
    "429": Fault(status=429, delivered=False),
    "504-after-the-message-was-posted": Fault(status=504),
    "reset-before-the-request-arrived": Fault(delivered=False),
    "reset-before-the-answer": Fault(cut=0),
    "reset-in-the-head": Fault(cut=20),
}
REFUSED = Fault(status=400, delivered=False)
TIMES = [5, *(pytest.param(times, marks=pytest.mark.long) for times in (2, 3, 4))]


@dataclass
class Signups(Stream[dict[str, str]]):
    """Sign-ups of people who were never there."""

    onboarding: Onboarding = field(kw_only=True)

    def new(self) -> dict[str, str]:
        """Return the next sign-up, not sent yet."""
        self.items.append(new_signup())
        return self.items[-1]

    def put(self, *items: dict[str, str]) -> list[str]:
        """Put sign-ups onto the bus at once."""
        return self.onboarding.send(*(event_of(item) for item in items))

    def deliver_again(self, event: str, times: int) -> None:
        """Have an event start so many executions more at once, as EventBridge may."""
        first = self.onboarding.execution(event)
        client = self.onboarding.aws.client("stepfunctions")

        def start(number: int) -> None:
            client.start_execution(
                stateMachineArn=self.onboarding.flow.state_machine_arn,
                name=f"{event}_{number}",
                input=first.input or "",
            )

        with ThreadPoolExecutor(times) as pool:
            list(pool.map(start, range(times)))

    def is_there_once(self, item: dict[str, str]) -> bool:
        """Return whether the user exists as signed up, with a space, a mail and a message."""
        found = self.onboarding.record(item) or {}
        return (
            {name: found.get(name, {}).get("S") for name in item} == item
            and self.onboarding.has_space(item)
            and bool(self.onboarding.mails(item) and self.onboarding.told(item))
        )

    def are_undone(self) -> bool:
        """Return whether nothing is left of any of them."""
        return not any(
            self.onboarding.record(item) or self.onboarding.has_space(item) for item in self.items
        )


@pytest.fixture(scope="module")
def webhook(platform: Platform) -> Iterator[FaultProxy]:
    """A proxy before the team's webhook."""
    onboarding = Onboarding(platform.settings)
    with (
        closing(FaultProxy(platform.settings.ports.emulator)) as proxy,
        onboarding.webhook_at(proxy.port),
    ):
        yield proxy


@pytest.fixture
def signups(platform: Platform, webhook: FaultProxy) -> Signups:
    onboarding = Onboarding(platform.settings)
    return Signups(onboarding, onboarding=onboarding)


def test_the_webhook_fails_in_every_way(webhook: FaultProxy, signups: Signups) -> None:
    hits = webhook.hits
    kinds = [Fault(**{**vars(fault), "times": 1}) for fault in FAULTS.values()]
    with webhook.fault(*kinds):
        with signups.flowing(5):
            time.sleep(0.5)
            with webhook.refusing():
                time.sleep(0.5)
        signups.ended()

    reasons = signups.settle()

    assert webhook.hits - hits == len(kinds)
    assert all("WebhookUnavailable in NotifyTeam" in reason for reason in reasons), reasons
    signups.check_with_the_command()


def test_who_cannot_be_onboarded_is_undone_and_waits(webhook: FaultProxy, signups: Signups) -> None:
    with webhook.fault(REFUSED):
        signups.send(3)
        waiting = signups.waiting(signups.ended())

    assert waiting == ["failed: WebhookRejected in NotifyTeam"] * 3
    assert signups.are_undone()
    signups.settle()


@pytest.mark.parametrize("times", TIMES)
def test_the_same_sign_up_several_times_at_once(signups: Signups, times: int) -> None:
    signups.send(times=times)
    [event] = signups.send()
    signups.deliver_again(event, times - 1)

    reasons = signups.settle()

    assert not reasons
    for item in signups.items:
        assert len(signups.onboarding.mails(item)) == len(signups.onboarding.told(item)) == 1


def test_a_sign_up_several_times_at_once_that_fails_for_good(
    webhook: FaultProxy, signups: Signups
) -> None:
    """Some find the user there whom the first undoes later: whom they count on waits with it."""
    with webhook.fault(REFUSED):
        signups.send(times=3)
        [event] = signups.send()
        signups.deliver_again(event, 2)
        report = signups.ended()

    assert report.is_whole, report.summary
    assert signups.are_undone()
    assert signups.settle()


@pytest.mark.long
@pytest.mark.parametrize("fault", [*FAULTS.values(), Fault(seconds=11)], ids=[*FAULTS, "slow"])
def test_the_webhook_fails_for_a_while(webhook: FaultProxy, signups: Signups, fault: Fault) -> None:
    hits = webhook.hits
    with webhook.fault(fault), signups.flowing(8):
        time.sleep(6)

    signups.settle()

    assert webhook.hits > hits
