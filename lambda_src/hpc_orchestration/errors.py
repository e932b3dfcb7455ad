"""Errors of the flow hpc_orchestration, whose names the state machine matches."""

from __future__ import annotations


class InvalidRun(Exception):  # noqa: N818  the state machine uses the name
    """The event has no valid run; a retry cannot succeed."""


class RunExists(Exception):  # noqa: N818
    """Another run has this id; a retry cannot succeed."""
