"""What Terraform made for a flow, as the commands that follow its events need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.errors import OperationError
from ops.executions.executions import Executions
from ops.recovery.dead_letters import FAILED, UNDELIVERED


@dataclass(frozen=True)
class Flow:
    """The parts of a deployed flow."""

    name: str
    event_bus_name: str
    rule_name: str
    state_machine_arn: str
    failed_queue_url: str
    undelivered_queue_url: str

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any], name: str) -> Flow:
        """Pick one flow out of the root module's outputs.

        Raises
        ------
        OperationError
            When the environment does not have the flow.
        """
        flows = outputs["state_machine_arns"]
        if name not in flows:
            raise OperationError(
                f"This environment has no flow '{name}'.", f"Choose one of: {', '.join(flows)}."
            )
        return cls(
            name=name,
            event_bus_name=outputs["event_bus_name"],
            rule_name=outputs["event_rule_names"][name],
            state_machine_arn=flows[name],
            failed_queue_url=outputs["failed_queue_urls"][name],
            undelivered_queue_url=outputs["undelivered_queue_urls"][name],
        )

    @classmethod
    def chosen(cls, outputs: Mapping[str, Any], name: str) -> list[Flow]:
        """Return the flow of a name, or without one all that an event starts.

        Raises
        ------
        OperationError
            When the environment does not have the flow.
        """
        names = [name] if name else sorted(outputs["state_machine_arns"])
        return [cls.from_outputs(outputs, each) for each in names]

    def executions(self, client: Callable[[str], Any]) -> Executions:
        """Return what its state machine executed, given what makes the client of a service."""
        return Executions(client("stepfunctions"), self.state_machine_arn)

    @property
    def queues(self) -> tuple[tuple[str, str], ...]:
        """Kind and URL of the queues of what could not go on."""
        return (FAILED, self.failed_queue_url), (UNDELIVERED, self.undelivered_queue_url)
