"""ReceiveRun: validate the run in the event, and add the defaults."""

from __future__ import annotations

from typing import Any

from flowbridge.event_detail import read_detail
from flowbridge.logs import get_logger
from flowbridge.schema import Validator, read_schema
from hpc_orchestration.errors import InvalidRun

log = get_logger("receive_run")
validator = Validator(read_schema(__file__, "run.schema.json"))
DEFAULTS = {"paths": 10_000, "shards": 3, "entriesPerJob": 1}


def handler(event: Any, _context: object) -> dict[str, Any]:
    """Return the event's ``detail``, validated and complete.

    Parameters
    ----------
    event
        An EventBridge event.

    Raises
    ------
    InvalidRun
        When the detail is not a run; the message has the field and the rule.
    """
    run = read_detail(event, "run", with_defaults, validator, InvalidRun)
    names = [entry["name"] for entry in run["entries"]]
    if not names:
        raise InvalidRun("the run is not valid: entries: must have at least one option")
    if len(set(names)) < len(names):
        raise InvalidRun("the run is not valid: entries: two options have the same name")
    log.info("run received", extra={"run": run["runId"], "entries": len(names)})
    return run


def with_defaults(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run with the defaults of the fields that it does not have."""
    return {**DEFAULTS, **run}
