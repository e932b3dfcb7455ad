"""EventBridge Scheduler.

- ``schedule-sweeps``: schedules are looked at every ten seconds, in UTC whatever their time zone.
- ``rights-of-schedules``: a schedule calls its target without any right, and creating it does not
  ask whether Scheduler may assume its role.
- ``universal-targets``: a schedule that calls an action of a service does nothing.
- ``context-attributes``: the attributes in an input, such as ``<aws.scheduler.scheduled-time>``,
  are passed on as they are.
- ``undelivered-calls``: a call that fails is neither repeated nor put into the dead-letter queue.
- ``schedule-metrics``: calls are not counted.
- ``schedule-arns``: a request about a schedule is authorized as if its group were ``default``.
"""

from __future__ import annotations

from emulator.patches.scheduler import calls, requests, sweeps
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "schedule-sweeps": "A schedule calls its target at its time, in its time zone.",
    "rights-of-schedules": "A schedule calls as its role, which must trust Scheduler.",
    "universal-targets": "A schedule calls any action of any service.",
    "context-attributes": "Scheduler fills in the attributes of an input.",
    "undelivered-calls": (
        "A call is repeated as the retry policy says, and then put into the dead-letter queue."
    ),
    "schedule-metrics": "CloudWatch counts calls, errors and dead letters by group.",
    "schedule-arns": "The ARN of a schedule has the name of its group.",
}


def apply(settings: Settings) -> None:
    """Close the gaps."""
    sweeps.apply(calls.caller(settings.endpoint))
    requests.apply()
