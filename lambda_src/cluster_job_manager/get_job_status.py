"""GetJobStatus: ask a cluster for the state of a run."""

from __future__ import annotations

from typing import Any

from cluster_job_manager.cluster import cluster
from cluster_job_manager.jobs import run_key


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
        ``result`` as the cluster gives them.

    Raises
    ------
    ClusterRejected, ClusterUnavailable, ConfigurationError, SecretUnavailable
        As `Cluster.status` does.
    """
    run = cluster(request["cluster"]).status(run_key(request["jobId"], request["attempt"]))
    return {
        "state": run["state"],
        "error": run.get("error") or "the cluster gives no reason",
        "result": run.get("result") or {},
    }
