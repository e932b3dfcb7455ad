"""The hooks of flows: everything that operating one flow alone needs.

A flow's module or package here has the flow's name and a constant ``HOOKS``. Each hook may be left
out, and so may the module: a flow without hooks is deployed, watched, redriven and reconciled as
every flow is.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from ops.aws.clients import Aws
from ops.flow import Workflow
from ops.recovery.places import Inspector

#: Returns the boto3 client of a service, such as ``stepfunctions``.
Clients = Callable[[str], Any]


@dataclass(frozen=True)
class DeployedFlow:
    """A flow in an environment, as its hooks get it.

    Parameters
    ----------
    name
        The flow.
    environment
        ``local``, ``dev``, ``qa`` or ``prd``.
    client
        The environment's AWS clients.
    outputs
        The outputs of the root module.
    """

    name: str
    environment: str
    client: Clients
    outputs: Mapping[str, Any]

    @property
    def output(self) -> Mapping[str, Any]:
        """Terraform's output of the flow."""
        found: Mapping[str, Any] = self.outputs["flows"][self.name]
        return found

    @property
    def workflow(self) -> Workflow:
        """Its first workflow: state machine, triggers and queues."""
        return Workflow.from_outputs(self.outputs, self.name)

    def function(self, key: str) -> str:
        """Return a function's name by its state, endpoint or task."""
        name: str = self.output["functions"][key]["name"]
        return name


@dataclass(frozen=True)
class FlowHooks:
    """The hooks of one flow.

    Parameters
    ----------
    demo
        Runs the flow on its examples in the local environment, and prints the results. Without it,
        ``make demo`` sends ``examples/<flow>/event.json``.
    smoke
        Tests the running release with synthetic data, and removes them. Returns a summary in a few
        words; raises an OperationError when the flow does not work.
    inspect
        Returns what reads the flow's results, such as its rows, which ``make reconcile`` compares
        with the executions.
    stand_ins
        Creates in the local environment what other teams own elsewhere, such as a secret. It gets
        the AWS clients and the emulator's URL, and may run when it all exists already.
    """

    demo: Callable[[DeployedFlow], None] | None = None
    smoke: Callable[[DeployedFlow], str] | None = None
    inspect: Callable[[DeployedFlow], Inspector] | None = None
    stand_ins: Callable[[Clients, str], None] | None = None


@cache
def hooks_of(name: str) -> FlowHooks:
    """Return the hooks of a flow; none when it has no module here."""
    module = f"{__name__}.{name}"
    if find_spec(module) is None:
        return FlowHooks()
    found: FlowHooks = importlib.import_module(module).HOOKS
    return found


def all_hooks() -> dict[str, FlowHooks]:
    """Return the hooks of all flows that have any, by flow."""
    return {module.name: hooks_of(module.name) for module in pkgutil.iter_modules(__path__)}


def deployed_flows(aws: Aws, outputs: Mapping[str, Any]) -> list[DeployedFlow]:
    """Return the flows of an environment, sorted by name."""
    names = sorted(outputs["flows"])
    return [DeployedFlow(name, aws.environment, aws.client, outputs) for name in names]


def inspector(deployed: DeployedFlow) -> Inspector | None:
    """Return what reads a flow's results, if the flow has it."""
    inspect = hooks_of(deployed.name).inspect
    return inspect(deployed) if inspect else None
