"""A job: its schema (``job.schema.json``), its defaults, and the space that it takes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from flowbridge.schema import Schema, read_schema

Job = dict[str, Any]

DEFAULTS: Job = {"priority": 5, "timeLimitSeconds": 86400, "maxAttempts": 2}


def load_schema() -> Schema:
    """Return the schema of a job."""
    return read_schema(__file__, "job.schema.json")


def with_defaults(job: Job) -> Job:
    """Return a job with the defaults of the fields that it lacks."""
    return {**DEFAULTS, **job}


def digest(job: Job) -> str:
    """Return a digest of a job's content: two events with the same one are the same job."""
    text = json.dumps(job, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def run_key(job_id: str, attempt: int) -> str:
    """Return the key of an attempt on its cluster, which runs a key once."""
    return f"{job_id}.{attempt}"


@dataclass(frozen=True)
class Space:
    """Cores and memory in GB."""

    cpu: float
    memory_gb: float

    def __add__(self, other: Space) -> Space:
        """Return the sum."""
        return Space(self.cpu + other.cpu, self.memory_gb + other.memory_gb)

    def __sub__(self, other: Space) -> Space:
        """Return the difference, which may be negative."""
        return Space(self.cpu - other.cpu, self.memory_gb - other.memory_gb)

    def times(self, factor: float) -> Space:
        """Return a multiple."""
        return Space(self.cpu * factor, self.memory_gb * factor)

    def at_most(self, other: Space) -> Space:
        """Return the smaller of each part."""
        return Space(min(self.cpu, other.cpu), min(self.memory_gb, other.memory_gb))

    def positive(self) -> Space:
        """Return it without negative parts."""
        return Space(max(0.0, self.cpu), max(0.0, self.memory_gb))

    def holds(self, other: Space) -> bool:
        """Return whether the other fits into it."""
        return other.cpu <= self.cpu and other.memory_gb <= self.memory_gb


EMPTY = Space(0, 0)
