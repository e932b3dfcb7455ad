"""The local environment dies, and comes again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from ops.settings import REPOSITORY
from tests.flows.crm_registration.support.leads import Leads
from tests.flows.crm_registration.support.registration import Registration


@pytest.fixture
def environment() -> Iterator[Registration]:
    """A platform of the test's own, which it may kill."""
    environment = Registration.new(REPOSITORY / ".local" / "test-stopped")
    try:
        yield environment
    finally:
        environment.make("down")


@pytest.mark.long
@pytest.mark.xdist_group("stopped")
def test_rows_outlive_the_environment(environment: Registration) -> None:
    """The emulator keeps everything in memory, the bus and the queues too, and comes back empty.

    So what is not a row yet dies with it. On AWS there is no such moment: an event that the bus
    accepted is in the bus, in an execution or in a queue, and all three outlive any machine.
    """
    demo = environment.make("demo")
    assert demo.code == 0, demo.text
    stream = Leads(environment, first=60_000_000)
    stream.send(4)
    stream.settle()

    for name in ("emulator.pid", "database/mariadb.pid"):
        os.kill(int((environment.settings.folder / name).read_text()), signal.SIGKILL)
    demo = environment.make("demo")

    assert demo.code == 0, demo.text
    again = Leads(Registration(environment.settings), items=stream.items)
    assert again.platform.rows(stream.items[0]["rut"])["CLIENTS"]
    # Resending all of them changes nothing.
    again.send_again(*again.items)
    again.settle()
