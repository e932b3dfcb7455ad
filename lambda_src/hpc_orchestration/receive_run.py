"""ReceiveRun: validate the run in the event, add the defaults, and claim it for the execution."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flowbridge import config
from flowbridge.clients import client
from flowbridge.event_detail import read_detail
from flowbridge.logs import get_logger
from flowbridge.schema import Validator, read_schema
from hpc_orchestration.claims import RUN, claim
from hpc_orchestration.errors import InvalidRun
from hpc_orchestration.record import Record

log = get_logger("receive_run")
validator = Validator(read_schema(__file__, "run.schema.json"))
DEFAULTS = {"paths": 10_000, "shards": 3, "entriesPerJob": 1}


def handler(asked: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the event's ``detail``, validated and complete, and the execution that computes it.

    Parameters
    ----------
    asked
        ``event``: an EventBridge event; ``execution``: the ARN of the execution.

    Returns
    -------
    dict
        The run, and ``managedBy``: this execution, or the one that computes the run, or did.

    Raises
    ------
    InvalidRun
        When the detail is not a run; the message has the field and the rule.
    RunExists
        When another run has the id.
    """
    event, execution = asked["event"], asked["execution"]
    run = read_detail(event, "run", with_defaults, validator, InvalidRun)
    names = [entry["name"] for entry in run["entries"]]
    if not names:
        raise InvalidRun("the run is not valid: entries: must have at least one option")
    if len(set(names)) < len(names):
        raise InvalidRun("the run is not valid: entries: two options have the same name")
    record = Record(client("dynamodb"), config.required("TABLE"), run["runId"], RUN)
    failed = event.get("resources") or []
    owner = claim(record, client("stepfunctions"), digest(run), execution, failed)
    log.info("run received", extra={"run": run["runId"], "entries": len(names), "owner": owner})
    return {**run, "managedBy": owner}


def digest(run: dict[str, Any]) -> str:
    """Return a digest of a run's content: two events with the same one are the same run."""
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()


def with_defaults(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run with the defaults of the fields that it does not have."""
    return {**DEFAULTS, **run}
