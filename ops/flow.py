"""The parts of the deployed flows that the commands work on, from Terraform's outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.errors import OperationError
from ops.executions.executions import Executions
from ops.recovery.dead_letters import FAILED, UNDELIVERED

#: The key of a flow's first workflow, which has the flow's name.
MAIN = "main"
#: The kind of a trigger that is a rule on an event bus.
EVENT_RULE = "event_rule"
#: The function that queues the event of a failed execution.
CATCH_ERRORS = "CatchErrors"


@dataclass(frozen=True)
class Trigger:
    """A trigger of a workflow; only a rule on a bus has a bus."""

    kind: str
    name: str
    event_bus_name: str | None = None
    undelivered_queue_url: str | None = None


@dataclass(frozen=True)
class Workflow:
    """A state machine of a flow, with its triggers and queues.

    Parameters
    ----------
    flow
        The flow's name.
    key
        The workflow's name within its flow.
    event_bus_name
        The environment's bus, where its events are published again.
    catch_errors_log_group
        The log of the function that queues failed events; None if the flow has none.
    """

    flow: str
    key: str
    event_bus_name: str
    state_machine_arn: str
    failed_queue_url: str
    triggers: tuple[Trigger, ...] = ()
    catch_errors_log_group: str | None = None

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any], flow: str, key: str = MAIN) -> Workflow:
        """Return one workflow of the root module's outputs.

        Raises
        ------
        OperationError
            When the environment does not have the flow.
        """
        found = _workflows(outputs, flow)[key]
        catch_errors = outputs["flows"][flow].get("functions", {}).get(CATCH_ERRORS)
        return cls(
            flow=flow,
            key=key,
            event_bus_name=outputs["event_bus_name"],
            state_machine_arn=found["state_machine_arn"],
            failed_queue_url=found["failed_queue_url"],
            triggers=tuple(
                Trigger(
                    kind=trigger["kind"],
                    name=trigger["name"],
                    event_bus_name=trigger.get("event_bus_name"),
                    undelivered_queue_url=trigger.get("undelivered_queue_url"),
                )
                for trigger in found.get("triggers", {}).values()
            ),
            catch_errors_log_group=f"/aws/lambda/{catch_errors['name']}" if catch_errors else None,
        )

    @classmethod
    def chosen(cls, outputs: Mapping[str, Any], flow: str) -> list[Workflow]:
        """Return the workflows of a flow, or without its name those of every flow.

        Raises
        ------
        OperationError
            When the environment does not have the flow.
        """
        return [
            cls.from_outputs(outputs, name, key)
            for name in ([flow] if flow else sorted(outputs["flows"]))
            for key in _workflows(outputs, name)
        ]

    @property
    def is_main(self) -> bool:
        """Whether it is the flow's first workflow."""
        return self.key == MAIN

    @property
    def name(self) -> str:
        """The flow's name, with the workflow's if it is not the flow's first."""
        return self.flow if self.is_main else f"{self.flow}/{self.key}"

    @property
    def rules(self) -> tuple[Trigger, ...]:
        """The triggers that are rules on a bus."""
        return tuple(trigger for trigger in self.triggers if trigger.kind == EVENT_RULE)

    @property
    def undelivered_queue_urls(self) -> tuple[str, ...]:
        """URLs of the queues of the inputs that a trigger could not deliver."""
        urls = (trigger.undelivered_queue_url for trigger in self.triggers)
        return tuple(url for url in urls if url)

    @property
    def queues(self) -> tuple[tuple[str, str], ...]:
        """Kind and URL of the queues of failed and undelivered inputs."""
        return (
            (FAILED, self.failed_queue_url),
            *((UNDELIVERED, url) for url in self.undelivered_queue_urls),
        )

    def executions(self, client: Callable[[str], Any]) -> Executions:
        """Return its executions, given the function that returns the client of a service."""
        return Executions(client("stepfunctions"), self.state_machine_arn)


def _workflows(outputs: Mapping[str, Any], flow: str) -> dict[str, Any]:
    """Return the workflows of a flow by key, its first one first."""
    flows = outputs["flows"]
    if flow not in flows:
        raise OperationError(
            f"This environment has no flow '{flow}'.", f"Choose one of: {', '.join(flows)}."
        )
    found: dict[str, Any] = flows[flow].get("workflows", {})
    return dict(sorted(found.items(), key=lambda item: (item[0] != MAIN, item[0])))
