"""The hooks of the call recording archival."""

from ops.flows import FlowHooks
from ops.flows.call_recording_archival.demo import demo

HOOKS = FlowHooks(demo=demo)
