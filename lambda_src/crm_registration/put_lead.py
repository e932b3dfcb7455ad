"""PutLead: validate the lead from the form, and publish it as an event."""

from __future__ import annotations

from crm.lead import load_schema, normalize
from flowbridge.front_door import FrontDoor

handler = FrontDoor("lead", load_schema(), normalize, "kranio.event.crm", "CRM Registration")
