"""CatchErrors: queue the event of a job that failed, and publish the failure."""

from __future__ import annotations

from flowbridge.catch_errors import CatchErrors

handler = CatchErrors("cluster_job_manager", "Cluster Job Failed")
