"""POST /create_client: write the client to CLIENTS."""

from __future__ import annotations

from crm_api.endpoint import Endpoint
from crm_api.registration import CLIENTS

handler = Endpoint("create_client", CLIENTS)
