"""Operators learn of a row that was deleted, and read the marks of CatchErrors."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pymysql

from ops.flows import DeployedFlow
from ops.flows.crm_registration.inspection import inspect
from ops.recovery import marks as marks_of
from ops.settings import LOCAL, LOOPBACK
from tests.flows.crm_registration.support.new_leads import new_lead
from tests.flows.crm_registration.support.registration import Registration
from tests.support.platform import Run, wait_for


def reconciled(platform: Registration, since: str) -> tuple[Run, dict[str, Any]]:
    """Return what ``make reconcile`` says, and the fate of each event by its id."""
    run = platform.make("-s", "reconcile", "FLOW=crm_registration", f"SINCE={since}", "JSON=yes")
    # When it fails, make adds a line of its own.
    report, _ = json.JSONDecoder().raw_decode(run.text[run.text.index("{") :])
    return run, {event["event"]: event for event in report["events"]}


def delete_partner(platform: Registration, rut: str) -> int:
    """Delete the row of a person's store as the database's administrator; return how many."""
    folder = platform.settings.folder / "database"
    administrator = json.loads((folder / "administrator.json").read_text())
    connection = pymysql.connect(
        host=LOOPBACK,
        port=platform.settings.ports.database,
        user=administrator["username"],
        password=administrator["password"],
        database=platform.outputs["database"]["name"],
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        return cursor.execute("DELETE FROM PARTNERS WHERE rut = %s", (rut,))


def test_a_row_that_is_deleted_is_a_loss(platform: Registration) -> None:
    # The log's times are whole seconds, and other tests may have sent leads in this one.
    time.sleep(1)
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    lead = new_lead()
    event, kept = platform.publish(lead, new_lead())
    execution, _ = platform.ended(event)
    platform.ended(kept)
    again, _ = platform.ended(*platform.publish(lead))
    client = platform.aws.client
    inspector = inspect(DeployedFlow("crm_registration", LOCAL, client, platform.outputs))
    # The rows of the lead that was there name the first execution.
    assert inspector.complete([execution, again]) == {execution.name}
    before, fates = reconciled(platform, since)
    assert before.code == 0, before.text
    assert {fate["fate"] for fate in fates.values()} == {"arrived"}

    deleted = delete_partner(platform, (execution.answer or {})["rut"])
    run, fates = reconciled(platform, since)

    assert deleted == 1
    assert run.code != 0
    assert inspector.complete([execution]) == set()
    assert {key: (fate["fate"], fate["reason"]) for key, fate in fates.items()} == {
        event: ("LOST", "no row in PARTNERS"),
        again.event_id: ("LOST", "no row in PARTNERS"),
        kept: ("arrived", ""),
    }


def test_the_log_of_catch_errors_marks_what_is_queued(platform: Registration) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    execution, _ = platform.ended(*platform.publish(new_lead(rut="nonsense")))
    good, _ = platform.ended(*platform.publish(new_lead()))
    group, logs = platform.flow.catch_errors_log_group, platform.aws.client("logs")

    def marks() -> set[str]:
        found = marks_of.queued(logs, group, since)
        return found if execution.arn in found else set()

    assert good.arn not in wait_for(marks, "the mark of the execution", 10)
