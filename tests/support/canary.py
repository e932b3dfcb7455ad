"""An environment in memory that promotes with a canary, can be killed, and has its guard."""

# ruff: noqa: N803  the names of boto3's arguments

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from botocore.exceptions import ClientError

from canary_guard import guard
from canary_guard.record import Record
from ops.aws.clients import Aws
from ops.releases.artifacts import Release
from ops.releases.deployment import Deployment
from ops.terraform.environments import Environment
from ops.terraform.runner import Terraform

PREFIX = "flowbridge-prd-"
FUNCTIONS = ("flow-receive", "flow-store")
#: A workflow, its child, and the one that cancels the jobs of the child.
MACHINES = ("flow", "flow-call", "flow-call-cancel")
GUARD = "canary-guard"
ARN = "arn:aws:states:us-east-1:333333333333:stateMachine"
PATTERN = "{ $.errorType = * }"
#: The environment variables of the guard.
VARIABLES = {
    "NAME_PREFIX": PREFIX,
    "PARAMETER_PREFIX": "/flowbridge/prd/",
    "STATE_MACHINES": ARN,
}
#: How the names of calls begin that change something.
CHANGES = ("put", "update", "publish", "delete", "invoke")


class Killed(BaseException):
    """The process ended by SIGKILL: no handler of it runs."""


@dataclass
class Power:
    """Ends the process at one of its changes; from then on it changes nothing."""

    changes_left: float = float("inf")
    changes: int = 0
    is_off: bool = False

    def spend(self) -> None:
        """Count a change."""
        if self.is_off or self.changes_left <= 0:
            self.is_off = True
            raise Killed
        self.changes += 1
        self.changes_left -= 1

    def guarded(self, client: Any) -> Any:
        """Return a client of the process, whose changes count."""
        return _Counting(client, self)


class _Counting:
    def __init__(self, client: Any, power: Power) -> None:
        self._client, self._power = client, power

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found) or name in ("exceptions", "get_paginator", "get_waiter"):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            if self._power.is_off:
                raise Killed
            if name.startswith(CHANGES):
                self._power.spend()
            return found(*arguments, **named)

        return call


class NotFoundError(ClientError):
    """As AWS says that something does not exist."""

    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "ResourceNotFoundException"}}, "Get")


class WrongTypeError(ClientError):
    """As AWS says that it does not list the executions of an Express state machine."""

    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "StateMachineTypeNotSupported"}}, "ListExecutions")


@dataclass
class Versions:
    """The versions of a function or state machine, each the code of a release, and its alias."""

    codes: list[str] = field(default_factory=list)
    unpublished: str = ""
    weights: dict[str, float] = field(default_factory=dict)

    def publish(self, code: str) -> str:
        """Publish code if it changed; return the newest version."""
        self.unpublished = code
        if not self.codes or self.codes[-1] != code:
            self.codes.append(code)
        return str(len(self.codes))

    def live(self) -> set[str]:
        """Return the code that callers may get."""
        return {self.codes[int(version) - 1] for version in self.weights}


class Functions:
    """Lambda, as far as commands and the guard use it."""

    exceptions = SimpleNamespace(ResourceNotFoundException=NotFoundError)

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def get_alias(self, *, FunctionName: str, Name: str) -> dict[str, Any]:
        weights = dict(self._of(FunctionName).weights)
        main = max(weights, key=lambda version: weights[version])
        del weights[main]
        routing = {"RoutingConfig": {"AdditionalVersionWeights": weights}} if weights else {}
        return {"FunctionVersion": main, **routing}

    def update_alias(
        self, *, FunctionName: str, Name: str, FunctionVersion: str, RoutingConfig: Any
    ) -> None:
        others = RoutingConfig["AdditionalVersionWeights"]
        assert others == {}
        self._of(FunctionName).weights = {FunctionVersion: 1.0}

    def get_function_configuration(self, *, FunctionName: str, Qualifier: str) -> dict[str, str]:
        versions = self._of(FunctionName)
        if Qualifier == "$LATEST":
            return {"CodeSha256": versions.unpublished}
        main = self.get_alias(FunctionName=FunctionName, Name=Qualifier)["FunctionVersion"]
        return {"CodeSha256": versions.codes[int(main) - 1]}

    def update_function_code(self, *, FunctionName: str, S3Bucket: str, S3Key: str) -> None:
        digest = bytes.fromhex(S3Key.rpartition("/")[2].removesuffix(".zip"))
        self._of(FunctionName).unpublished = base64.b64encode(digest).decode()

    def publish_version(self, *, FunctionName: str) -> None:
        versions = self._of(FunctionName)
        versions.publish(versions.unpublished)

    def get_waiter(self, _: str) -> Any:
        return SimpleNamespace(wait=lambda **_: None)

    def get_paginator(self, _: str) -> Any:
        def pages(FunctionName: str) -> Iterator[Any]:
            codes = self._of(FunctionName).codes
            yield {
                "Versions": [
                    {"Version": str(number), "CodeSha256": code}
                    for number, code in enumerate(codes, 1)
                ]
            }

        return SimpleNamespace(paginate=pages)

    def invoke(self, *, FunctionName: str, Qualifier: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == f"{PREFIX}{GUARD}"
        if self._cloud.guard_is_broken:
            body = {"errorType": "RuntimeError", "errorMessage": "broken"}
        else:
            try:
                answer = guard.handler(json.loads(Payload), None)
                return {"Payload": io.BytesIO(json.dumps(answer).encode())}
            except guard.CanaryReverted as error:
                body = {"errorType": "CanaryReverted", "errorMessage": str(error)}
        return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(body).encode())}

    def _of(self, name: str) -> Versions:
        name = name.removeprefix(PREFIX)
        found = self._cloud.guard if name == GUARD else self._cloud.functions.get(name)
        if found is None:
            raise NotFoundError
        return found


class Machines:
    """Step Functions, as far as commands and the guard use it."""

    exceptions = SimpleNamespace(
        ResourceNotFound=NotFoundError, StateMachineTypeNotSupported=WrongTypeError
    )

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def describe_state_machine_alias(self, *, stateMachineAliasArn: str) -> dict[str, Any]:
        base = stateMachineAliasArn.rpartition(":")[0]
        return {
            "routingConfiguration": [
                {"stateMachineVersionArn": f"{base}:{version}", "weight": weight}
                for version, weight in self._of(base).weights.items()
            ]
        }

    def update_state_machine_alias(
        self, *, stateMachineAliasArn: str, routingConfiguration: Any
    ) -> None:
        self._of(stateMachineAliasArn.rpartition(":")[0]).weights = {
            route["stateMachineVersionArn"].rpartition(":")[2]: route["weight"]
            for route in routingConfiguration
        }

    def list_executions(
        self, *, stateMachineArn: str, statusFilter: str, maxResults: int
    ) -> dict[str, Any]:
        if self._cloud.is_express:
            raise WrongTypeError
        asked = (*stateMachineArn.rpartition(f":{PREFIX}")[2].split(":"), statusFilter)
        found = [
            e for e in self._cloud.failures if (e["machine"], e["version"], e["status"]) == asked
        ]
        return {"executions": found[:maxResults]}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        [found] = [e for e in self._cloud.failures if e["executionArn"] == executionArn]
        return {"error": found["error"]}

    def _of(self, arn: str) -> Versions:
        return self._cloud.machines[arn.removeprefix(f"{ARN}:{PREFIX}")]


class Cloud:
    """The environment prd: two functions and three state machines of a flow.

    Parameters
    ----------
    clients
        The clients of moto.
    patch
        pytest's ``monkeypatch.setattr``, with which the guard gets this environment.
    """

    def __init__(self, clients: Callable[[str], Any], patch: Callable[..., None]) -> None:
        self.functions = {name: Versions() for name in FUNCTIONS}
        self.guard = Versions()
        self.machines = {name: Versions() for name in MACHINES}
        #: Errors in logs, by function and version.
        self.errors: dict[tuple[str, str], int] = {}
        #: Failed executions, newest first.
        self.failures: list[dict[str, Any]] = []
        self.guard_is_broken = False
        self.is_express = False
        self.power = Power()
        self._own = {
            "lambda": Functions(self),
            "stepfunctions": Machines(self),
            "logs": SimpleNamespace(
                get_paginator=lambda _: SimpleNamespace(paginate=self._filter_log_events)
            ),
        }
        self._clients = clients
        patch(guard, "client", lambda service, **_: self.client(service))
        patch("flowbridge.config.required", VARIABLES.__getitem__)
        environment = Environment("prd")
        clients("s3").create_bucket(Bucket=environment.artifact_bucket)
        self.terraform = SteppedTerraform(self)
        self.deployment = Deployment(
            environment,
            cast(
                Aws,
                SimpleNamespace(
                    client=lambda service: self.power.guarded(self.client(service)),
                    environment="prd",
                ),
            ),
            cast(Terraform, self.terraform),
        )

    def client(self, service: str) -> Any:
        """Return a client that outlives the process."""
        return self._own.get(service) or self._clients(service)

    def start_again(self) -> None:
        """Let the next command run."""
        self.power = Power()

    def release(self) -> str | None:
        """Return the recorded release."""
        try:
            found = self._clients("ssm").get_parameter(Name="/flowbridge/prd/release")
        except ClientError:
            return None
        return str(found["Parameter"]["Value"])

    def record(self) -> Record | None:
        """Return the canary record."""
        return guard.Guard(PREFIX, "/flowbridge/prd/").record()

    def tick(self, minutes: float = 0, alarm: str | None = None) -> dict[str, Any] | None:
        """Call the guard as its clock does, some minutes from now."""
        found = guard.Guard(PREFIX, "/flowbridge/prd/")
        record = found.record()
        if record is None:
            return None
        return found.look(record, alarm, datetime.now(UTC) + timedelta(minutes=minutes))

    def live(self) -> set[str]:
        """Return the code that callers of functions and state machines may get."""
        found = (*self.functions.values(), *self.machines.values())
        return set().union(*(versions.live() for versions in found))

    def _filter_log_events(
        self, *, logGroupName: str, logStreamNamePrefix: str, startTime: int, filterPattern: str
    ) -> Iterator[Any]:
        assert filterPattern == PATTERN
        function = logGroupName.removeprefix(f"/aws/lambda/{PREFIX}")
        version = logStreamNamePrefix.partition("[")[2].removesuffix("]")
        yield {"events": []}
        yield {"events": [{}] * self.errors.get((function, version), 0)}


class SteppedTerraform:
    """Applies a release in steps, after each of which it may be killed or go on alone."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._left: list[Callable[[], None]] = []
        self.releases: dict[str, Release] = {}
        #: The release whose files define the state machines; None for the one that is applied.
        self.files: str | None = None
        self._plans: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def outputs(self) -> dict[str, Any]:
        machine, child, cancel = MACHINES
        return {
            "event_bus_name": "bus",
            "canary_guard": {"name": f"{PREFIX}{GUARD}", "package": "canary_guard"},
            "flows": {
                "flow": {
                    "workflows": {
                        "main": {
                            "state_machine_arn": f"{ARN}:{PREFIX}{machine}",
                            "failed_queue_url": "queue",
                        }
                    },
                    "children": {
                        "call": {
                            "state_machine_arn": f"{ARN}:{PREFIX}{child}",
                            "cancel_arn": f"{ARN}:{PREFIX}{cancel}",
                        }
                    },
                    "functions": {
                        name: {
                            "name": f"{PREFIX}{name}",
                            "package": "one",
                            "technical_errors": PATTERN,
                        }
                        for name in FUNCTIONS
                    },
                }
            },
        }

    def plan_changes(self, _: Any, file: Any, release: str, **variables: Any) -> dict[str, Any]:
        self._plans[str(file)] = release, variables
        return {}

    def apply_plan(self, file: Any, _: Any) -> str:
        release, variables = self._plans[str(file)]
        return self._apply(release, variables.get("stable_versions"))

    def apply(self, _: Any, release: str, **variables: Any) -> str:
        return self._apply(release, variables.get("stable_versions"))

    def go_on(self) -> None:
        """Finish the steps: Terraform outlives the command that started it."""
        while self._left:
            self._left.pop(0)()

    def _apply(self, release: str, stable: Mapping[str, Any] | None) -> str:
        self._left = list(self._steps(release, stable))
        while self._left:
            self._cloud.power.spend()
            self._left.pop(0)()
        return "Apply complete!"

    def _steps(self, release: str, given: Mapping[str, Any] | None) -> Iterator[Callable[[], None]]:
        cloud, stable = self._cloud, given or {}
        code = self.releases[release].packages["one"].sha256_base64
        for name, function in cloud.functions.items():
            old = stable.get("functions", {}).get(f"{PREFIX}{name}")
            yield partial(route, function, code, old, 1.0)
        # The guard has no canary of its own.
        own = self.releases[release].packages["canary_guard"].sha256_base64
        yield partial(route, cloud.guard, own, None, 1.0)
        code = self.releases[self.files or release].packages["one"].sha256_base64
        for name, machine in cloud.machines.items():
            # As the root module does: one without a stable version gets all calls at once.
            old = stable.get("state_machines", {}).get(f"{PREFIX}{name}")
            yield partial(route, machine, code, old, 100, stable.get("machine_percent", 10))
        yield lambda: cloud.client("ssm").put_parameter(
            Name="/flowbridge/prd/release", Value=release, Type="String", Overwrite=True
        )


def route(
    versions: Versions, code: str, stable: str | None, whole: float, percent: float = 10
) -> None:
    """Publish code, and point the alias to it: alone, or next to the stable version."""
    newest = versions.publish(code)
    if stable in (None, newest):
        versions.weights = {newest: whole}
    else:
        assert stable is not None
        share = percent / 100
        weights = {stable: whole * (1 - share), newest: whole * share}
        versions.weights = {version: weight for version, weight in weights.items() if weight}
