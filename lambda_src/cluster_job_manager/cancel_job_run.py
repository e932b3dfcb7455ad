"""CancelJobRun: cancel a run on its cluster."""

from __future__ import annotations

from typing import Any

from cluster_job_manager.cluster import cluster
from cluster_job_manager.jobs import run_key
from flowbridge.logs import get_logger

log = get_logger("cancel_job_run")


def handler(request: dict[str, Any], _context: object) -> dict[str, Any]:
    """Cancel the run, also one that was not submitted yet.

    Parameters
    ----------
    request
        ``jobId``, ``attempt`` and ``cluster``.

    Raises
    ------
    ClusterRejected, ClusterUnavailable, ConfigurationError, SecretUnavailable
        As `Cluster.cancel` does.
    """
    cluster(request["cluster"]).cancel(run_key(request["jobId"], request["attempt"]))
    log.info("run cancelled", extra={"job_id": request["jobId"], "attempt": request["attempt"]})
    return {}
