"""GetJobStatus: ask a cluster for the state of a run."""

from __future__ import annotations

import json
from typing import Any

from cluster_job_manager.cluster import cluster
from cluster_job_manager.jobs import run_key

#: A state's data has 256 KiB at most, and no Catch gets the error of more.
RESULT_BYTES = 64 * 1024


def handler(request: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the state of the run, and its error output without secrets.

    Parameters
    ----------
    request
        ``jobId``, ``attempt`` and ``cluster``.

    Returns
    -------
    dict
        ``state``: RUNNING, SUCCEEDED, FAILED, CANCELLED, or UNKNOWN to the cluster; ``error`` and
        ``result`` as the cluster gives them, unless the result is too large to pass on.

    Raises
    ------
    ClusterRejected, ClusterUnavailable, ConfigurationError, SecretUnavailable
        As `Cluster.status` does.
    """
    run = cluster(request["cluster"]).status(run_key(request["jobId"], request["attempt"]))
    return {
        "state": run["state"],
        "error": run.get("error") or "the cluster gives no reason",
        "result": passed_on(run.get("result") or {}),
    }


def passed_on(result: Any) -> Any:
    """Return a run's result, or in its place why it is left out."""
    try:
        size = len(json.dumps(result, allow_nan=False, ensure_ascii=False).encode())
    except (ValueError, RecursionError):
        return {"omitted": "The result is too deep, or is not valid JSON."}
    if size > RESULT_BYTES:
        return {"omitted": f"The result has {size:,} bytes. Read it from the cluster."}
    return result
