"""CatchErrors: queue the event of a failed run, and publish the failure."""

from __future__ import annotations

from flowbridge.catch_errors import CatchErrors

handler = CatchErrors("hpc_orchestration", "Run Failed")
