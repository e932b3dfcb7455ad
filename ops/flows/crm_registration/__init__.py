"""The hooks of the CRM registration: leads become rows of the CRM database."""

from __future__ import annotations

from ops.flows import FlowHooks
from ops.flows.crm_registration import demo, inspection, smoke

HOOKS = FlowHooks(demo=demo.run, smoke=smoke.run, inspect=inspection.inspect)
