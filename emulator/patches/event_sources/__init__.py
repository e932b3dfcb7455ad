"""Event source mappings.

- ``rights-of-sources``: a mapping reads its source without any right of the function's role.
- ``failure-reports``: a report of failed messages that cannot be read counts as success, so the
  messages are deleted.
- ``batch-windows``: a batch has ten messages at most, and no batch waits for more messages.
- ``visibility-timeouts``: the visibility timeout of a queue may be shorter than the timeout of its
  function, and a large batch needs no window.
- ``weights-of-sources``: a mapping calls the main version of an alias only.
- ``filtered-messages``: a message that a filter leaves out stays in its queue when the function
  fails on another message of the batch.
"""

from __future__ import annotations

from emulator.patches.event_sources import queues, rights
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "rights-of-sources": "A mapping reads its source with the rights of the function's role.",
    "failure-reports": "A report of failed messages that cannot be read fails the whole batch.",
    "batch-windows": "A batch grows up to ``BatchSize`` until its window ends.",
    "visibility-timeouts": "A mapping whose queue or batch size does not fit is refused.",
    "weights-of-sources": "A mapping calls both versions of an alias, by their weights.",
    "filtered-messages": "Lambda deletes the messages that a filter leaves out.",
}


def apply(_: Settings) -> None:
    """Close the gaps."""
    rights.apply()
    queues.apply()
