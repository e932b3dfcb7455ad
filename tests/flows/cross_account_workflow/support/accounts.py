"""Two accounts on one emulator: the flow in the first, the target's half in the second."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3

from emulator.settings import ROOT_SECRET
from ops.flows import DeployedFlow
from ops.flows import cross_account_workflow as hooks
from ops.settings import LOCAL
from tests.support.platform import Platform
from tests.support.running import RunningFlow

FLOW = "cross_account_workflow"
REGION = "us-east-1"
#: The state machine of the second account, and the role of its API.
MACHINE = f"arn:aws:states:{REGION}:{hooks.ACCOUNT}:stateMachine:account-audit"
API_ROLE = "account-audit-targets"
#: Input that the workflow of the second account takes.
INPUT = {"check": "log-retention"}


@dataclass
class CrossAccount(RunningFlow):
    """The flow, and the account that it runs workflows in."""

    name: str = field(default=FLOW, kw_only=True)

    @cached_property
    def deployed(self) -> DeployedFlow:
        """The flow as its hooks see it."""
        return DeployedFlow(FLOW, LOCAL, self.aws.client, self.outputs)

    def with_target(self) -> CrossAccount:
        """Apply the second account's half, if it is not there."""
        apis = self.other("apigateway").get_rest_apis()["items"]
        if hooks.API_ID not in [api["id"] for api in apis]:
            hooks.apply_target(self.flow.state_machine_arn, self.settings.endpoint)
        return self

    def other(self, service: str) -> Any:
        """Return a client of the second account."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.settings.endpoint,
            region_name=REGION,
            aws_access_key_id=hooks.ACCOUNT,
            aws_secret_access_key=ROOT_SECRET,
        )

    def request(self, given: Any = None, target: Any = "audits") -> str:
        """Put a request on the bus, and return the id of its event."""
        [event] = self.publish({"target": target, "input": INPUT if given is None else given})
        return event

    def runs(self, event: str) -> list[dict[str, Any]]:
        """Return the executions of the second account that an event started."""
        client = self.other("stepfunctions")
        pages = client.get_paginator("list_executions").paginate(stateMachineArn=MACHINE)
        found = [item for page in pages for item in page["executions"] if item["name"] == event]
        return [client.describe_execution(executionArn=item["executionArn"]) for item in found]

    def url(self) -> str:
        """Return the address of the second account's API."""
        return f"{self.settings.endpoint}/_aws/execute-api/{hooks.API_ID}/v1/executions"

    def start_again(self, event: str) -> None:
        """Start one more execution with an event, as EventBridge may."""
        first = self.execution(event)
        self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.flow.state_machine_arn,
            name=f"{event}_again",
            input=first.input or "",
        )


def given_to(run: dict[str, Any]) -> Any:
    """Return the input that a run of the second account got from the request."""
    return json.loads(run["input"])["detail"]["input"]


def accounts(platform: Platform) -> CrossAccount:
    """Return the flow with its target."""
    return CrossAccount.on(platform).with_target()
