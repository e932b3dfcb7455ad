"""CatchErrors: keep a lead that could not be registered, and tell the bus of it."""

from __future__ import annotations

from flowbridge.catch_errors import CatchErrors

handler = CatchErrors("crm_registration", "CRM Registration Failed")
