"""One flow of a running environment, as its callers and its operator see it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Self

from ops.executions.events import Event, Publisher
from ops.executions.executions import Execution, Executions, StateRun
from ops.flow import MAIN, Workflow
from ops.local.demo import EXAMPLES
from ops.recovery import dead_letters
from ops.recovery.audit import Discarded, write_discarded
from tests.support.platform import Platform, wait_for


@dataclass
class RunningFlow(Platform):
    """A flow in an environment."""

    #: The flow.
    name: str = field(default="", kw_only=True)

    @classmethod
    def on(cls, platform: Platform, **more: Any) -> Self:
        """Return a flow that a running environment has."""
        return cls(platform.settings, demo=platform.demo, more=platform.more, **more)

    @property
    def output(self) -> Mapping[str, Any]:
        """Terraform's output of the flow."""
        found: Mapping[str, Any] = self.outputs["flows"][self.name]
        return found

    @property
    def example(self) -> Mapping[str, Any]:
        """An event that the flow takes."""
        text = (EXAMPLES / self.name / "event.json").read_text(encoding="utf-8")
        found: Mapping[str, Any] = json.loads(text)
        return found

    @cached_property
    def flow(self) -> Workflow:
        """Its first workflow."""
        return Workflow.from_outputs(self.outputs, self.name)

    @cached_property
    def executions(self) -> Executions:
        """The workflow's executions."""
        return self.flow.executions(self.aws.client)

    def function(self, key: str) -> str:
        """Return a function's name by its state, endpoint or task."""
        name: str = self.output["functions"][key]["name"]
        return name

    def publish(self, *details: Any) -> list[str]:
        """Put events with these details onto the bus, and return their ids."""
        kind = self.example["source"], self.example["detail-type"]
        resources = tuple(self.example.get("resources", ()))
        return self.send(
            *(Event(n, *kind, json.dumps(one), resources) for n, one in enumerate(details, start=1))
        )

    def send(self, *events: Event) -> list[str]:
        """Put events onto the bus, and return their ids."""
        outcomes = Publisher(self.aws.client("events"), self.flow.event_bus_name).publish(events)
        ids = [outcome.event_id for outcome in outcomes]
        assert None not in ids
        return [event_id for event_id in ids if event_id]

    def execution(self, event_id: str) -> Execution:
        """Return the execution that an event started."""
        known: dict[str, Execution] = {}

        def found() -> Execution | None:
            self.executions.started_by([event_id], known)
            return known.get(event_id)

        execution: Execution = wait_for(found, f"execution of event {event_id}")
        return execution

    def ended(self, event_id: str, *, seconds: float = 90) -> tuple[Execution, dict[str, StateRun]]:
        """Return the ended execution of an event, and its states by name."""
        arn = self.execution(event_id).arn

        def over() -> Execution | None:
            execution = self.executions.describe(arn)
            return execution if execution.is_over else None

        execution = wait_for(over, f"end of {arn}", seconds)
        return execution, {run.name: run for run in self.executions.history(arn)}

    def failed_message(self, execution: Execution) -> dict[str, Any]:
        """Return the message of the failed queue that an execution left."""
        sqs, url = self.aws.client("sqs"), self.flow.failed_queue_url

        def found() -> dict[str, Any] | None:
            letters = dead_letters.look(sqs, dead_letters.FAILED, url)
            raw = next((x.raw for x in letters if x.execution == execution.arn), None)
            return json.loads(raw["Body"]) if raw else None

        message: dict[str, Any] = wait_for(found, f"message of {execution.name}", 30)
        return message

    def forget_failures(self) -> None:
        """Empty the failed queue: other tests look among its first messages.

        The decision is recorded as an operator's is, so that no reconciliation misses the events.
        """
        sqs, url = self.aws.client("sqs"), self.flow.failed_queue_url
        logs, group = self.aws.client("logs"), self.outputs["event_audit"]["log_group"]

        def decided(letter: dead_letters.DeadLetter) -> bool:
            event = (letter.event or {}).get("id") or letter.message_id
            return write_discarded(logs, group, Discarded(event, datetime.now(UTC), "test", "test"))

        dead_letters.remove(sqs, dead_letters.FAILED, url, decided)

    def task_alone(self, name: str, variables: Mapping[str, Any]) -> str | None:
        """Carry out one task of the state machine alone, as its role, and return its error."""
        client = self.aws.client("stepfunctions")
        deployed = client.describe_state_machine(stateMachineArn=self.flow.state_machine_arn)
        state = json.loads(deployed["definition"])["States"][name]
        task = {k: v for k, v in state.items() if k not in ("Catch", "Retry", "Next", "Assign")}
        before = {"Type": "Pass", "Assign": dict(variables), "Next": "Task"}
        return self.error_alone({"Before": before, "Task": task | {"End": True}})

    def error_alone(
        self, states: Mapping[str, Any], given: Any = None, role: str = ""
    ) -> str | None:
        """Run a state machine of the test's own, with a role of the flow; return its error.

        The role is that of the flow's state machine, unless another one is given.
        """
        client = self.aws.client("stepfunctions")
        flow = client.describe_state_machine(stateMachineArn=self.flow.state_machine_arn)
        used = role or flow["roleArn"]
        machine = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
        name = f"alone-{uuid.uuid4().hex}"
        place = self.flow.state_machine_arn.rpartition(":")[0]
        with self.role_trusting(used.rpartition("/")[2], f"{place}:{name}"):
            arn = client.create_state_machine(
                name=name, definition=json.dumps(machine), roleArn=used
            )["stateMachineArn"]
            begun = client.start_execution(stateMachineArn=arn, input=json.dumps(given or {}))
            executions = Executions(client, arn)

            def over() -> Execution | None:
                execution = executions.describe(begun["executionArn"])
                return execution if execution.is_over else None

            execution: Execution = wait_for(over, f"{name} of {used}")
        client.delete_state_machine(stateMachineArn=arn)
        return execution.error

    @contextmanager
    def configured(
        self, variables: dict[str, dict[str, str]], timeout: int | None = None
    ) -> Iterator[None]:
        """Have functions run with other environment variables, by state, endpoint or task.

        A version of their own stands behind the alias meanwhile, so that no environment that is
        warm already runs on with the variables of before.
        """
        client = self.aws.client("lambda")
        before: dict[str, tuple[dict[str, Any], str, str]] = {}
        try:
            for key, more in variables.items():
                name = self.function(key)
                stable = client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
                found = client.get_function_configuration(FunctionName=name)
                settings = {"Environment": found["Environment"], "Timeout": found["Timeout"]}
                client.update_function_configuration(
                    FunctionName=name,
                    Environment={"Variables": {**found["Environment"]["Variables"], **more}},
                    Timeout=timeout or found["Timeout"],
                )
                version = client.publish_version(FunctionName=name)["Version"]
                client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
                before[name] = (settings, stable, version)
            yield
        finally:
            for name, (settings, stable, version) in before.items():
                client.update_function_configuration(FunctionName=name, **settings)
                client.update_alias(FunctionName=name, Name="live", FunctionVersion=stable)
                client.delete_function(FunctionName=name, Qualifier=version)

    @contextmanager
    def retrying(self, **retry: float | str) -> Iterator[None]:
        """Have the states of new executions retry in another way, by the fields of a retrier.

        Retriers that never retry stay so.
        """
        with self.redefined(lambda definition: with_retry(definition, retry)):
            yield

    @contextmanager
    def redefined(self, change: Callable[[dict[str, Any]], Any]) -> Iterator[None]:
        """Have new executions run another definition, which is made of the deployed one."""
        client = self.aws.client("stepfunctions")
        machine = self.flow.state_machine_arn
        own_alias = self.output["workflows"][MAIN]["alias_arn"]
        before = client.describe_state_machine(stateMachineArn=machine)["definition"]
        alias = client.describe_state_machine_alias(stateMachineAliasArn=own_alias)

        def route(routes: list[dict[str, Any]]) -> None:
            client.update_state_machine_alias(
                stateMachineAliasArn=own_alias, routingConfiguration=routes
            )

        client.update_state_machine(
            stateMachineArn=machine, definition=json.dumps(change(json.loads(before)))
        )
        version = client.publish_state_machine_version(stateMachineArn=machine)
        route([{"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}])
        try:
            yield
        finally:
            client.update_state_machine(stateMachineArn=machine, definition=before)
            route(alias["routingConfiguration"])
            client.delete_state_machine_version(
                stateMachineVersionArn=version["stateMachineVersionArn"]
            )


def with_retry(value: Any, retry: Mapping[str, float | str]) -> Any:
    """Return a definition whose retriers have other fields."""
    if isinstance(value, list):
        return [with_retry(each, retry) for each in value]
    if not isinstance(value, dict):
        return value
    changed = {name: with_retry(each, retry) for name, each in value.items()}
    return {**changed, **retry} if changed.get("MaxAttempts") else changed
