"""Batch.

- ``batch-definitions``: a job definition forgets its platform, its retries, its time limit and its
  parameters, so every plan would show a difference.
- ``batch-removals``: queues, compute environments and job definitions cannot be deleted, and
  nothing has its tags.
- ``batch-processes``: a job succeeds at once and runs nothing.
- ``batch-arrays``: an array job has no children.
- ``batch-attempts``: no job is repeated, and none has a time limit.
- ``batch-dependencies``: ``dependsOn`` is ignored.
- ``batch-logs``: a job has no log.
- ``batch-rights``: a job needs no right, and its execution role no right to write its log.
- ``batch-events``: the default bus gets no event of a job.
- ``batch-stops``: a job can be neither cancelled nor terminated.

A job is a process on this computer: `emulator.patches.batch.containers` describes its image.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from emulator.patches.batch import requests
from emulator.patches.batch.containers import Images
from emulator.patches.batch.scheduler import Scheduler
from emulator.patches.batch.services import Services, processes
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "batch-definitions": "A job definition keeps every field.",
    "batch-removals": (
        "What is disabled and unused can be deleted; a job definition becomes INACTIVE."
    ),
    "batch-processes": "A job runs its command with the credentials of its role.",
    "batch-arrays": "Each child of an array job has its index; one that fails fails the array.",
    "batch-attempts": "A failed attempt is repeated as its strategy says; each has a time limit.",
    "batch-dependencies": "A job waits for those it depends on, and fails with them.",
    "batch-logs": "A job writes what it prints to a log stream of its own.",
    "batch-rights": "Without the execution role's right to write the log, no job starts.",
    "batch-events": "EventBridge gets an event for each status of a job.",
    "batch-stops": "``CancelJob`` ends what has not started, ``TerminateJob`` every job.",
}


def apply(settings: Settings) -> None:
    """Close the gaps."""
    from ministack.services import batch

    folder = Path(settings.at_exit.enter_context(tempfile.TemporaryDirectory(prefix="batch-")))
    services = Services(batch, Images(folder), settings.endpoint)
    settings.at_exit.callback(services.close)
    requests.apply(batch, Scheduler(services, processes()))
