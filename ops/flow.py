"""The parts of the deployed flows that the commands work on, from Terraform's outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ops.errors import OperationError
from ops.executions.executions import Executions
from ops.executions.express import ExpressExecutions
from ops.recovery.dead_letters import FAILED, UNDELIVERED, UNPROCESSED, UNREAD, UNRECEIVED

#: The key of a flow's first workflow, which has the flow's name.
MAIN = "main"
#: The kind of a trigger that is a rule on an event bus.
EVENT_RULE = "event_rule"
#: The kind of a trigger that is a table's stream.
STREAM = "stream_consumer"
#: The kind of a trigger that is a topic.
TOPIC = "topic"
#: The type of a state machine whose executions are in its log alone.
EXPRESS = "EXPRESS"
#: The kind of a consumer of an SQS queue.
QUEUE = "queue"
#: The function that queues the event of a failed execution.
CATCH_ERRORS = "CatchErrors"


@dataclass(frozen=True)
class Trigger:
    """A trigger; only a rule on a bus has a bus, and only a topic has an ARN."""

    kind: str
    name: str
    event_bus_name: str | None = None
    undelivered_queue_url: str | None = None
    arn: str | None = None

    @classmethod
    def all_of(cls, output: Mapping[str, Any]) -> tuple[Trigger, ...]:
        """Return the triggers in the output of a workflow or a flow."""
        return tuple(
            cls(
                kind=trigger["kind"],
                name=trigger["name"],
                event_bus_name=trigger.get("event_bus_name"),
                undelivered_queue_url=trigger.get("undelivered_queue_url"),
                arn=trigger.get("arn"),
            )
            for trigger in output.get("triggers", {}).values()
        )


@dataclass(frozen=True)
class Consumer:
    """A function that gets the messages of a queue, and the queue of its dead letters."""

    name: str
    queue_url: str
    dead_letter_queue_url: str


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
    express_log_group
        The state machine's log, if it is an Express one; else None.
    consumers, helpers
        The flow's consumers of queues, and its triggers that start another part of it than a
        workflow. Its first workflow has them.
    """

    flow: str
    key: str
    event_bus_name: str
    state_machine_arn: str
    failed_queue_url: str
    triggers: tuple[Trigger, ...] = ()
    catch_errors_log_group: str | None = None
    express_log_group: str | None = None
    consumers: tuple[Consumer, ...] = ()
    helpers: tuple[Trigger, ...] = ()

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
            triggers=Trigger.all_of(found),
            catch_errors_log_group=f"/aws/lambda/{catch_errors['name']}" if catch_errors else None,
            express_log_group=found["log_group_name"] if found.get("type") == EXPRESS else None,
            consumers=consumers_of(outputs, flow) if key == MAIN else (),
            helpers=Trigger.all_of(outputs["flows"][flow]) if key == MAIN else (),
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
    def has_events(self) -> bool:
        """Whether it starts with events, rather than with calls whose callers wait for the answer.

        Executions of an Express state machine that an API calls are not named after an event.
        """
        return bool(self.rules) or self.express_log_group is None

    @property
    def undelivered_queue_urls(self) -> tuple[str, ...]:
        """URLs of the queues of the events that a trigger of the workflow could not deliver."""
        return tuple(url for one, url in _kept(self.triggers) if one.kind != STREAM)

    @property
    def unread_queue_urls(self) -> tuple[str, ...]:
        """URLs of the queues of records that the function of a stream failed on."""
        return tuple(url for one, url in _kept(self.triggers) if one.kind == STREAM)

    @property
    def event_queues(self) -> tuple[tuple[str, str, str], ...]:
        """Kind and URL of the queues of failed and undelivered events, and the bus to go back to.

        A schedule has no bus.
        """
        own = self.event_bus_name
        return (
            (FAILED, self.failed_queue_url, own),
            *((UNDELIVERED, url, own) for url in self.undelivered_queue_urls),
            *(
                (UNDELIVERED, url, one.event_bus_name or own)
                for one, url in _kept(self.helpers)
                if one.kind != TOPIC
            ),
        )

    @property
    def topic_queues(self) -> tuple[tuple[str, str], ...]:
        """URL of the queue of what a topic could not deliver, and the topic's ARN."""
        return tuple(
            (url, one.arn) for one, url in _kept(self.helpers) if one.kind == TOPIC and one.arn
        )

    @property
    def queues(self) -> tuple[tuple[str, str], ...]:
        """Kind and URL of every queue whose messages wait for an operator."""
        return (
            *((kind, url) for kind, url, _ in self.event_queues),
            *((UNPROCESSED, one.dead_letter_queue_url) for one in self.consumers),
            *((UNREAD, url) for url in self.unread_queue_urls),
            *((UNRECEIVED, url) for url, _ in self.topic_queues),
        )

    def executions(self, client: Callable[[str], Any]) -> Executions:
        """Return its executions, given the function that returns the client of a service."""
        if self.express_log_group is None:
            return Executions(client("stepfunctions"), self.state_machine_arn)
        return ExpressExecutions(
            client("stepfunctions"), client("logs"), self.state_machine_arn, self.express_log_group
        )


def _kept(triggers: Iterable[Trigger]) -> Iterator[tuple[Trigger, str]]:
    """Yield the triggers that keep what they could not deliver, each with its queue's URL."""
    for one in triggers:
        if one.undelivered_queue_url:
            yield one, one.undelivered_queue_url


def state_machines_of(outputs: Mapping[str, Any]) -> list[str]:
    """Return the ARNs of all state machines: of workflows, children, and cancellations of jobs."""
    found = []
    for flow in outputs["flows"].values():
        found += [workflow["state_machine_arn"] for workflow in flow.get("workflows", {}).values()]
        for child in flow.get("children", {}).values():
            found += [child["state_machine_arn"], child.get("cancel_arn")]
    return [arn for arn in found if arn]


def consumers_of(outputs: Mapping[str, Any], flow: str) -> tuple[Consumer, ...]:
    """Return a flow's consumers of queues."""
    found = outputs["flows"][flow].get("consumers", {}).values()
    return tuple(
        Consumer(one["name"], one["queue_url"], one["dead_letter_queue_url"])
        for one in found
        if one["kind"] == QUEUE
    )


def _workflows(outputs: Mapping[str, Any], flow: str) -> dict[str, Any]:
    """Return the workflows of a flow by key, its first one first."""
    flows = outputs["flows"]
    if flow not in flows:
        raise OperationError(
            f"This environment has no flow '{flow}'.", f"Choose one of: {', '.join(flows)}."
        )
    found: dict[str, Any] = flows[flow].get("workflows", {})
    return dict(sorted(found.items(), key=lambda item: (item[0] != MAIN, item[0])))
