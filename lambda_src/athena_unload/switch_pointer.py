"""SwitchPointer: check a run's files, and make it the current one."""

from __future__ import annotations

from typing import Any

from athena_unload.output import Output
from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import get_logger

log = get_logger("switch_pointer")


def handler(task: Any, _context: object) -> dict[str, Any]:
    """Return the notice for consumers.

    Parameters
    ----------
    task
        ``plan``, and ``query``, Athena's description of the query.

    Raises
    ------
    UnloadIncomplete
        When the manifest names files that do not exist.
    PointerMoved
        When another run moved the pointer at the same moment.
    """
    output = Output(config.required("OUTPUT_BUCKET"), client("s3"))
    notice = switched(output, task["plan"], task["query"])
    log.info("unload is current", extra={"run": notice["run"], "current": notice["isCurrent"]})
    return notice


def switched(output: Output, plan: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """Check a run's files, make it current unless a newer one is, and return the notice."""
    statistics = query["Statistics"]
    files = output.files(statistics["DataManifestLocation"], plan["prefix"])
    notice = {
        "useCase": plan["useCase"],
        "run": plan["run"],
        "startedAt": plan["startedAt"],
        "location": plan["location"],
        "manifest": output.keep_manifest(plan["prefix"], iter(files)),
        "files": len(files),
        "bytes": sum(files.values()),
        "scannedBytes": statistics["DataScannedInBytes"],
        "query": query["QueryExecutionId"],
    }
    current, tag = output.pointer(plan["useCase"])
    is_newer = plan["run"] > current.get("run", "")
    if is_newer:
        output.move_pointer(plan["useCase"], {**notice, "previous": current.get("run")}, tag)
    # The same run again, after a lost answer, finds its own pointer.
    return {**notice, "isCurrent": is_newer or plan["run"] == current.get("run")}
