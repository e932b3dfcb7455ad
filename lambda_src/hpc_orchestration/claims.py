"""The execution that a run belongs to.

A run's batches have one record and one waiting task each, so two executions of a run would take
each other's tokens. The first one claims the run. Another one takes it over only after the first
has failed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from hpc_orchestration.errors import RunExists
from hpc_orchestration.record import Record

#: In place of a batch in the key of a run's record. No batch has this name.
RUN = "_run"
FAILED = ("FAILED", "TIMED_OUT", "ABORTED")


def claim(
    record: Record, states: Any, digest: str, execution: str, failed: Collection[str] = ()
) -> str:
    """Return the execution that a run belongs to: this one, unless another computes it, or did.

    Parameters
    ----------
    record
        The record of the run.
    states
        The client of Step Functions.
    digest
        A digest of the run's content.
    execution
        This execution.
    failed
        Executions that are known to fail: a redriven event names them before they have ended.

    Raises
    ------
    RunExists
        When the run of the record has another content.
    """
    if record.create(digest=digest, execution=execution):
        return execution
    while True:
        found = record.read()
        owner = found["execution"]
        if found["digest"] != digest:
            raise RunExists(f"another run has the id {record.run}: that of {owner}")
        if owner == execution or not (owner in failed or has_failed(states, owner)):
            return owner
        # Another execution may take it over at the same time.
        if record.write(when={"execution": owner}, execution=execution):
            return execution


def has_failed(states: Any, execution: str) -> bool:
    """Return whether an execution ended without success, or is too old to be known."""
    try:
        found = states.describe_execution(executionArn=execution)
    except states.exceptions.ExecutionDoesNotExist:
        return True
    return found["status"] in FAILED
