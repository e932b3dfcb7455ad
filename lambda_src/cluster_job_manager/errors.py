"""Errors of the flow cluster_job_manager. The state machine matches their names."""

from __future__ import annotations


class InvalidJob(Exception):  # noqa: N818  the state machine uses the name
    """The event has no valid job; a retry cannot succeed."""


class JobTooLarge(Exception):  # noqa: N818
    """The job needs more than any cluster has; a retry cannot succeed."""


class ClusterRejected(Exception):  # noqa: N818
    """The cluster rejected a request; a retry cannot succeed."""


class ClusterUnavailable(Exception):  # noqa: N818
    """The cluster did not answer, or is busy; a retry may succeed."""
