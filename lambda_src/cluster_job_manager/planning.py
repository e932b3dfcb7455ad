"""Choose the jobs that start now, and their clusters.

The policy:

- Jobs are looked at by rank: the time of their request, less an hour (or another setting) for each
  level of priority. So a more urgent job goes first, and every job gets ahead with time: one of
  priority 9 passes one of priority 0 only if that waits for less than nine hours.
- A job that does not fit lets smaller ones pass (backfill), for as long as the setting
  ``backfill_seconds`` says from the first time that it did not fit. After that, its cluster starts
  nothing behind it until it fits. So no job starves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cluster_job_manager.jobs import Space

#: Less than what any job needs.
SMALLEST = Space(1, 1)


@dataclass(frozen=True)
class Waiting:
    """A job that waits.

    Parameters
    ----------
    job_id
        The job.
    needs
        The space that it takes.
    blocked_at
        When it did not fit first, in seconds; None if it never was looked at in vain.
    """

    job_id: str
    needs: Space
    blocked_at: float | None = None


@dataclass
class Plan:
    """The jobs that start, each with its cluster, and those that did not fit for the first time."""

    starts: list[tuple[str, str]] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)


def plan(
    queue: Iterable[Waiting],
    free: Mapping[str, Space],
    sizes: Mapping[str, Space],
    now: float,
    backfill_seconds: float,
) -> Plan:
    """Return which jobs start.

    Parameters
    ----------
    queue
        The waiting jobs by rank. It is read no further than needed.
    free
        The free space of each cluster that can be reached.
    sizes
        The size of each cluster that can be reached.
    now
        The time in seconds.
    backfill_seconds
        How long a job that does not fit lets others pass.
    """
    found = Plan()
    left = dict(free)
    for job in queue:
        fitting = [name for name, space in left.items() if space.holds(job.needs)]
        if fitting:
            # The emptiest one, so that the load is shared.
            name = max(fitting, key=lambda one: left[one].cpu / sizes[one].cpu)
            left[name] -= job.needs
            found.starts.append((job.job_id, name))
        elif job.blocked_at is None:
            found.blocked.append(job.job_id)
        elif now - job.blocked_at >= backfill_seconds:
            # The clusters that could hold it keep what they have for it.
            left = {name: space for name, space in left.items() if not sizes[name].holds(job.needs)}
        if not any(space.holds(SMALLEST) for space in left.values()):
            break
    return found


def free_space(size: Space, total: Space, used: Space, granted: Space, seen: Space) -> Space:
    """Return the space of a cluster that jobs may still get.

    A cluster's metrics lag behind, so what was granted counts until a sample shows it.

    Parameters
    ----------
    size
        The space that the settings allow to jobs of this flow.
    total, used
        The cluster's size and its use by all jobs, as its metrics say.
    granted
        The space of all jobs that were granted one and have not ended.
    seen
        That of those among them whose run was accepted before the sample.
    """
    unseen = (granted - seen).positive()
    return (total - used - unseen).at_most(size - granted).positive()


def rank(queued_at: float, priority: int, ageing_seconds: float) -> float:
    """Return a job's place in the queue; the smallest comes first."""
    return queued_at - priority * ageing_seconds
