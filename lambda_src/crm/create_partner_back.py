"""POST /create_partner: write the partner to PARTNERS."""

from __future__ import annotations

from crm.endpoint import Endpoint
from crm.registration import PARTNERS

handler = Endpoint("create_partner", PARTNERS)
