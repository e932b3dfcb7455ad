"""CatchErrors: queue a lead whose registration failed, and publish the failure."""

from __future__ import annotations

from flowbridge.catch_errors import CatchErrors

handler = CatchErrors("crm_registration", "CRM Registration Failed")
