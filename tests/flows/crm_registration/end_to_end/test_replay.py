"""Operators replay the archive: lost events arrive, and nothing is written twice."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from ops.executions.executions import Execution
from tests.flows.crm_registration.end_to_end.test_reconcile_rows import reconciled
from tests.flows.crm_registration.support.new_leads import new_lead, written
from tests.flows.crm_registration.support.registration import Registration
from tests.support.platform import wait_for


@contextmanager
def rule_disabled(platform: Registration) -> Iterator[None]:
    """Let the flow's rule match no event."""
    events, [rule] = platform.aws.client("events"), platform.flow.rules
    events.disable_rule(Name=rule.name, EventBusName=rule.event_bus_name)
    try:
        yield
    finally:
        events.enable_rule(Name=rule.name, EventBusName=rule.event_bus_name)


def replay(platform: Registration, begin: datetime, end: datetime) -> None:
    """Send the archived events of a time to the bus again, as operations.md says."""
    events, name = platform.aws.client("events"), f"replay-{uuid.uuid4().hex}"
    bus = events.describe_event_bus(Name=platform.outputs["event_bus_name"])["Arn"]
    archive = platform.outputs["event_archive_name"]
    events.start_replay(
        ReplayName=name,
        EventSourceArn=bus.replace(f":event-bus/{bus.rpartition('/')[2]}", f":archive/{archive}"),
        EventStartTime=begin,
        EventEndTime=end,
        Destination={"Arn": bus},
    )
    wait_for(
        lambda: events.describe_replay(ReplayName=name)["State"] == "COMPLETED", "the replay", 30
    )


def ended(platform: Registration, event: str, count: int) -> list[Execution]:
    """Return the executions of an event, once there are so many and all have ended."""

    def over() -> list[Execution] | None:
        found = [one for one in platform.executions.newest(100) if one.named_event == event]
        return found if len(found) >= count and all(one.is_over for one in found) else None

    executions: list[Execution] = wait_for(over, f"{count} executions of {event}")
    return executions


def test_a_replay_brings_a_lost_event_and_writes_nothing_twice(platform: Registration) -> None:
    # The archive's times are whole seconds, and other tests may have sent leads in this one.
    time.sleep(1)
    begin = datetime.now(UTC).replace(microsecond=0)
    lead, lost_lead = new_lead(), new_lead()
    with rule_disabled(platform):
        [lost] = platform.publish(lost_lead)
    [event] = platform.publish(lead)
    ended(platform, event, 1)
    rows = platform.rows(written(lead["rut"]))
    assert not any(platform.rows(written(lost_lead["rut"])).values())

    replay(platform, begin, datetime.now(UTC))
    again = ended(platform, event, 2)
    [arrived] = ended(platform, lost, 1)

    assert [one.status for one in (*again, arrived)] == ["SUCCEEDED"] * 3
    assert platform.rows(written(lead["rut"])) == rows
    assert [len(found) for found in platform.rows(written(lost_lead["rut"])).values()] == [1, 1, 1]
    run, fates = reconciled(platform, begin.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert run.code == 0, run.text
    assert {key: fate["fate"] for key, fate in fates.items()} == dict.fromkeys(
        (event, lost), "arrived"
    )
