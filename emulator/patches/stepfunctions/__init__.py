"""Step Functions.

- ``tracing``: a state machine forgets its tracing configuration, so every plan would show a
  difference.
- ``succeed-output``: the ``Output`` of a Succeed state is ignored.
- ``alias-rights``: starting an alias needs a right on the alias. AWS asks for the right on the
  state machine.
- ``role-of-task``: tasks call services as root, so the role of the state machine, or the role in a
  task's ``Credentials``, never limits them. ``s3`` and ``sesv2`` tasks are unknown.
- ``branch-history``: histories leave out the states in branches and ``previousEventId``.
- ``redrive``: ``RedriveExecution`` is unknown.
"""

from __future__ import annotations

from emulator.patches.stepfunctions import definitions, history, redrive, roles
from emulator.settings import Settings

GAPS = (
    "tracing",
    "succeed-output",
    "alias-rights",
    "role-of-task",
    "branch-history",
    "redrive",
)


def apply(settings: Settings) -> None:
    """Close the gaps."""
    definitions.apply()
    roles.apply(settings.endpoint)
    redrive.apply()
    history.apply()
