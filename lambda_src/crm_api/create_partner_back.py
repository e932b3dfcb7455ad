"""POST /create_partner: write the partner to PARTNERS."""

from __future__ import annotations

from crm_api.endpoint import Endpoint
from crm_api.registration import PARTNERS

handler = Endpoint("create_partner", PARTNERS)
