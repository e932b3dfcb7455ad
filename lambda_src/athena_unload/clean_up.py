"""CleanUp: delete runs that are neither current nor young, when their successor is in place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from athena_unload.output import Output
from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import get_logger

log = get_logger("clean_up")


def handler(task: Any, _context: object) -> dict[str, Any]:
    """Return the notice with the runs that were deleted.

    Parameters
    ----------
    task
        The notice of the run.
    """
    output = Output(config.required("OUTPUT_BUCKET"), client("s3"))
    before = datetime.now(UTC) - timedelta(hours=float(config.required("KEEP_HOURS")))
    deleted = cleaned(output, task["useCase"], f"{before:%Y%m%dT%H%M%S}")
    log.info("old runs deleted", extra={"runs": len(deleted)})
    return {**task, "deleted": deleted}


def cleaned(output: Output, use_case: str, before: str) -> list[str]:
    """Delete the runs that began before a time, but the current one and the one before it."""
    current, _ = output.pointer(use_case)
    kept = {current.get("run"), current.get("previous")}
    old = [run for run in output.runs(use_case) if run < before and run not in kept]
    for run in old:
        output.delete_run(use_case, run)
    return old
