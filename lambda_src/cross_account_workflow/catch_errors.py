"""CatchErrors: queue a request whose run in another account failed, and publish the failure."""

from __future__ import annotations

from flowbridge.catch_errors import CatchErrors

handler = CatchErrors("cross_account_workflow", "Cross-Account Workflow Failed")
