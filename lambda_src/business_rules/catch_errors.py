"""CatchErrors: queue a request that got no premium, and publish the failure."""

from __future__ import annotations

from flowbridge.catch_errors import CatchErrors

handler = CatchErrors("business_rules", "Business Rules Failed")
