"""POST /create_benefit: write the benefit to BENEFIT."""

from __future__ import annotations

from crm.endpoint import Endpoint
from crm.registration import BENEFIT

handler = Endpoint("create_benefit", BENEFIT)
