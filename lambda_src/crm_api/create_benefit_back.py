"""POST /create_benefit: write the benefit to BENEFIT."""

from __future__ import annotations

from crm_api.endpoint import Endpoint
from crm_api.registration import BENEFIT

handler = Endpoint("create_benefit", BENEFIT)
