"""POST /create_client: write the client to CLIENTS."""

from __future__ import annotations

from crm.endpoint import Endpoint
from crm.registration import CLIENTS

handler = Endpoint("create_client", CLIENTS)
