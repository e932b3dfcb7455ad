"""PutLead: check what the form sends, and put it on the bus."""

from __future__ import annotations

from crm_registration.lead import load_schema, normalise
from flowbridge.front_door import FrontDoor

handler = FrontDoor("lead", load_schema(), normalise, "kranio.event.crm", "CRM Registration")
