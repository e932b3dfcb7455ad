"""StartJobRun: submit an attempt of a job to its cluster."""

from __future__ import annotations

from typing import Any

from cluster_job_manager.cluster import cluster
from cluster_job_manager.jobs import run_key
from flowbridge.logs import get_logger

log = get_logger("start_job_run")


def handler(request: dict[str, Any], _context: object) -> dict[str, Any]:
    """Submit the run; the same attempt again starts nothing.

    Parameters
    ----------
    request
        ``job``, ``attempt`` and ``cluster``.

    Returns
    -------
    dict
        ``acceptedAt``: when the cluster accepted the run, in seconds by its clock.

    Raises
    ------
    ClusterRejected, ClusterUnavailable, ConfigurationError, SecretUnavailable
        As `Cluster.submit` does.
    """
    job, attempt = request["job"], request["attempt"]
    run = cluster(request["cluster"]).submit(run_key(job["jobId"], attempt), job)
    log.info("run submitted", extra={"job_id": job["jobId"], "attempt": attempt})
    return {"acceptedAt": run["acceptedAt"]}
