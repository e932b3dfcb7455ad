"""EventBridge.

- ``log-group-targets``: MiniStack accepts a log group as the target of a rule and never writes to
  it.
- ``named-executions``: an execution that an event started has a random name. AWS begins the name
  with the event's id.
- ``rights-of-targets``: a rule delivers without any right: of its role, or in the policy of the
  queue, topic, function or log group.
- ``undelivered-events``: an event that cannot be delivered is dropped, although its target has a
  dead-letter queue.
- ``retries-of-rules``: the retry policy of a target has no effect, and an event for a function,
  queue, topic or log group that is missing is dropped.
- ``repeated-events``: a function that fails on an event does not get it again.
"""

from __future__ import annotations

from emulator.patches.eventbridge import deliveries, rights, targets
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "log-group-targets": "A rule writes events to a log group.",
    "named-executions": "The name of an execution begins with the id of its event.",
    "rights-of-targets": "A rule needs a right for each target, of its role or in the policy.",
    "undelivered-events": "The dead-letter queue of a target gets what cannot be delivered.",
    "retries-of-rules": (
        "A delivery that fails for the moment is repeated as the retry policy says; the message in "
        "the dead-letter queue has the number of retries."
    ),
    "repeated-events": "Lambda calls a function that fails on an event twice more.",
}


def apply(_: Settings) -> None:
    """Close the gaps."""
    deliveries.apply()
    targets.apply()
    rights.apply()
