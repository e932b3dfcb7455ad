"""The operator's command is killed while it redrives events."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from ops.recovery.dead_letters import WORK_SECONDS
from ops.settings import REPOSITORY
from tests.flows.crm_registration.support.leads import Faulty, Leads
from tests.support.fault_proxy import Fault
from tests.support.platform import wait_for

LEADS = 6
#: The command is killed after it has redriven this many events.
SENT = 2


@pytest.mark.long
def test_a_killed_redrive_loses_nothing_and_sends_nothing_twice(
    faulty: Faulty, stream: Leads
) -> None:
    platform = faulty.platform
    with faulty.api.fault(Fault(status=400, delivered=False)):
        stream.send(LEADS)
        assert len(stream.waiting(stream.ended())) == LEADS

    command = ["make", "redrive", "ERROR=CrmRejected", "RATE=1"]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=platform.variables(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        sent = 0
        while sent < SENT:
            line = process.stdout.readline()
            assert line, "the command ended by itself"
            sent += "is on the bus" in line
        os.killpg(process.pid, signal.SIGKILL)

    # The messages that it held, and had not sent, become visible again after a while.
    def all_in_sight() -> bool:
        return len(stream.waiting(stream.ended())) == LEADS - SENT

    wait_for(all_in_sight, "the messages that the killed command held", WORK_SECONDS + 60)
    stream.settle()
