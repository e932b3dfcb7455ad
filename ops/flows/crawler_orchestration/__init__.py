"""The hooks of the crawlers: three data sets become tables, which two queries read."""

from __future__ import annotations

from ops.flows import FlowHooks
from ops.flows.crawler_orchestration import demo

HOOKS = FlowHooks(demo=demo.demo)
