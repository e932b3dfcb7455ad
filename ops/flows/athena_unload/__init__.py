"""The hooks of the unload: the lake's raw data become files for four kinds of consumers."""

from __future__ import annotations

from ops.flows import FlowHooks
from ops.flows.athena_unload import demo

HOOKS = FlowHooks(demo=demo.demo)
