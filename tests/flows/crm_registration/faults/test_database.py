"""The database fails in every way that a writer can see."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, closing

import pymysql
import pytest

from tests.flows.crm_registration.support.leads import Faulty, Leads
from tests.support.fault_proxy import Fault
from tests.support.platform import wait_for

#: With the byte that says that a statement follows, or SET AUTOCOMMIT would be meant too.
COMMIT = b"\x03COMMIT"
FAULTS = {
    "reset-before-the-insert": Fault(matching=b"INSERT", delivered=False),
    "reset-after-the-insert": Fault(matching=b"INSERT", cut=0),
    "reset-before-the-commit": Fault(matching=COMMIT, delivered=False),
    "reset-after-the-commit": Fault(matching=COMMIT, cut=0),
    "slower-than-the-callers-patience": Fault(matching=b"INSERT", seconds=5),
    "slower-than-a-statement-may-be": Fault(matching=b"INSERT", seconds=10),
    "slow-at-everything": Fault(seconds=3),
}


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_connection_fails_for_a_while(faulty: Faulty, stream: Leads, fault: Fault) -> None:
    hits = faulty.database.hits
    with stream.flowing(16), faulty.database.fault(fault):
        time.sleep(6)

    stream.settle()

    assert faulty.database.hits > hits


def test_a_commit_whose_answer_is_lost_is_found(faulty: Faulty, stream: Leads) -> None:
    hits = faulty.database.hits
    with faulty.database.fault(Fault(matching=COMMIT, cut=0, times=3)):
        stream.send(2)
        stream.settle()

    assert faulty.database.hits == hits + 3


def test_the_database_is_killed_in_the_middle_of_a_write(faulty: Faulty, stream: Leads) -> None:
    platform = faulty.platform
    rut = stream.new()["rut"]
    with faulty.blocked_insert(rut):
        stream.send_again(*stream.items)
        stream.send(2)
        wait_for(faulty.is_inserting, "an INSERT that waits")
        with platform.database_gone() as bring_back:
            bring_back()

    stream.settle()


@pytest.mark.long
def test_the_database_is_away_for_a_while(faulty: Faulty, stream: Leads) -> None:
    with stream.flowing(16), faulty.platform.database_gone():
        time.sleep(8)

    stream.settle()


#: The waits of the environments on AWS; see tests/every_flow/contract/test_retries.py.
RETRY = {"IntervalSeconds": 2, "MaxAttempts": 22, "BackoffRate": 2, "MaxDelaySeconds": 60}


@pytest.mark.parametrize(
    ("away_seconds", "retry"),
    [
        # A sixtieth: the longest wait of AWS, which most retries have, becomes a second.
        pytest.param(
            5, {**RETRY, "IntervalSeconds": 1, "BackoffRate": 1, "MaxDelaySeconds": 2}, id="scaled"
        ),
        pytest.param(300, RETRY, id="five-minutes", marks=pytest.mark.long),
    ],
)
def test_retries_outlast_a_database_that_is_away(
    faulty: Faulty, stream: Leads, away_seconds: float, retry: dict[str, float]
) -> None:
    with faulty.platform.retrying(**retry):
        with stream.flowing(8), faulty.platform.database_gone():
            time.sleep(away_seconds)
        report = stream.ended()

    # Nothing was queued, so nothing needs a redrive.
    assert stream.waiting(report) == []
    stream.check(report)


@pytest.mark.long
def test_the_database_is_restarted(faulty: Faulty, stream: Leads) -> None:
    pid = int((faulty.platform.settings.folder / "database" / "mariadb.pid").read_text())
    with stream.flowing(16):
        time.sleep(1)
        os.kill(pid, signal.SIGTERM)

    stream.settle()


@pytest.mark.long
def test_the_database_is_read_only(faulty: Faulty, stream: Leads) -> None:
    with stream.flowing(16), faulty.platform.database_started_with("--read-only"):
        time.sleep(5)

    stream.settle()


@pytest.mark.long
def test_the_database_is_out_of_connections(faulty: Faulty, stream: Leads) -> None:
    with ExitStack() as held, stream.flowing(16):
        faulty.database.reset()
        with pytest.raises(pymysql.OperationalError, match="1040"):  # noqa: PT012
            while True:
                held.enter_context(closing(faulty.connect()))
        time.sleep(5)
        held.close()

    stream.settle()


@pytest.mark.long
def test_a_write_is_the_victim_of_a_deadlock(faulty: Faulty, stream: Leads) -> None:
    rut = stream.new()["rut"]
    with faulty.blocked_insert(rut) as other:
        # The transaction that changed more survives.
        other.execute("CREATE TABLE IF NOT EXISTS weight (id INT)")
        other.execute("SELECT rut FROM CLIENTS WHERE rut = %s FOR UPDATE", [rut])
        other.executemany("INSERT INTO weight VALUES (%s)", [(n,) for n in range(100)])
        before = deadlocks(other)
        stream.send_again(*stream.items)
        wait_for(faulty.is_inserting, "an INSERT that waits")
        # The INSERT has its row of the table, and waits for its place in the index.
        other.execute("SELECT COUNT(*) FROM CLIENTS IGNORE INDEX (uk_clients_rut) FOR UPDATE")
        assert deadlocks(other) == before + 1

    stream.settle()


def deadlocks(cursor: pymysql.cursors.Cursor) -> int:
    cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
    [(_, count)] = cursor.fetchall()
    return int(count)
