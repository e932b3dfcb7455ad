"""SQS.

- ``rights-of-batches``: a batch needs a right of its own, such as ``sqs:SendMessageBatch``, which
  does not exist in AWS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "rights-of-batches": "A batch needs the right to do the same with one message.",
}

#: The end of an operation on several messages, and the actions of those on one.
BATCH = "Batch"
ACTIONS = frozenset({"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:SendMessage"})


def apply(_: Settings) -> None:
    """Close the gap."""
    from ministack.core import iam_actions

    iam_actions.extract_iam_action = of_one_message(iam_actions.extract_iam_action)


def of_one_message(action: Callable[..., str | None]) -> Callable[..., str | None]:
    """Return MiniStack's name of a request's action, by which a batch is as one message."""

    def action_of(*given: Any, **named: Any) -> str | None:
        found = action(*given, **named)
        single = (found or "").removesuffix(BATCH)
        return single if single in ACTIONS else found

    return action_of
