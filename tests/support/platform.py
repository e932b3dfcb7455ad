"""The whole platform on this computer, for the tests that need it running."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import yaml

from ops.aws.clients import Aws
from ops.local.database import DatabaseServer
from ops.settings import (
    DATABASE_PORT_VARIABLE,
    EMULATOR_PORT_VARIABLE,
    FLOWS_VARIABLE,
    FOLDER_VARIABLE,
    LOCAL,
    REPOSITORY,
    LocalSettings,
    Ports,
)
from ops.terraform.runner import Terraform
from tests.support.terraform_calls import LOG_FILE, LOG_LEVEL

#: Where the state lies in its bucket, as `terraform/envs/*.s3.tfbackend` say.
STATE_KEY = "flowbridge.tfstate"
COLORS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
#: Held while the trust policy of a role is read and changed.
TRUST = threading.Lock()


def free_port() -> int:
    """Return a loopback port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Return the first true value of a condition; fail with `what` when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return value


def selecting(settings: LocalSettings) -> dict[str, str]:
    """Return the environment variables with which a command has these settings."""
    flows = settings.flows
    return {
        FOLDER_VARIABLE: str(settings.folder),
        EMULATOR_PORT_VARIABLE: str(settings.ports.emulator),
        DATABASE_PORT_VARIABLE: str(settings.ports.database),
        **({} if flows is None else {FLOWS_VARIABLE: json.dumps(flows)}),
    }


@dataclass(frozen=True)
class Run:
    """A command's output without colors, its exit code and its duration."""

    code: int
    text: str
    seconds: float


@dataclass
class Platform:
    """A local environment of the tests' own: its folder, its ports, and what runs there."""

    settings: LocalSettings
    demo: Run | None = field(default=None)
    #: More environment variables for its commands.
    more: dict[str, str] = field(default_factory=dict)

    @classmethod
    def new(cls, folder: Path, flows: Mapping[str, Any] | None = None) -> Self:
        """Return one in a folder, on ports that are free; `flows` replace those of its tfvars."""
        shutil.rmtree(folder, ignore_errors=True)
        ports = Ports(emulator=free_port(), database=free_port())
        return cls(LocalSettings(folder, ports, flows=flows))

    def make(self, *arguments: str, input: str | None = None, timeout: float = 400) -> Run:
        """Run ``make`` as a user would, for this environment."""
        return self.run("make", "--no-print-directory", *arguments, input=input, timeout=timeout)

    def run(self, *command: str, input: str | None = None, timeout: float = 400) -> Run:
        """Run a command in the repository, for this environment."""
        started = time.monotonic()
        result = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=self.variables(),
            input=input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        text = COLORS.sub("", result.stdout)
        return Run(result.returncode, text, time.monotonic() - started)

    @property
    def terraform_log(self) -> Path:
        """The log of the Terraform provider's calls."""
        return self.settings.folder / "logs" / "terraform.log"

    def variables(self) -> dict[str, str]:
        """Return the environment variables that select this environment."""
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "MAKE"))},
            **selecting(self.settings),
            "COLUMNS": "200",
            **self.more,
            LOG_LEVEL: "DEBUG",
            LOG_FILE: str(self.terraform_log),
        }

    @cached_property
    def aws(self) -> Aws:
        """AWS clients."""
        return Aws(LOCAL, self.settings)

    @cached_property
    def terraform(self) -> Terraform:
        """Terraform."""
        return Terraform(LOCAL, self.settings, self.aws)

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """The root module's outputs."""
        return self.terraform.outputs()

    @cached_property
    def second_plan(self) -> tuple[Path, bool]:
        """A plan of what was applied, in its file, and whether it would change anything."""
        file = self.settings.folder / "second-plan"
        return file, self.terraform.plan(file=file)

    def state(self) -> dict[str, Any]:
        """Return Terraform's state, as it lies in its bucket."""
        bucket = self.terraform.environment.state_bucket
        answer = self.aws.client("s3").get_object(Bucket=bucket, Key=STATE_KEY)
        state: dict[str, Any] = json.loads(answer["Body"].read())
        return state

    def api_document(self, flow: str, api: str) -> dict[str, Any]:
        """Return the OpenAPI document that an API of a flow was made of."""
        name = self.outputs["flows"][flow]["apis"][api]["name"]
        [document] = [
            yaml.safe_load(instance["attributes"]["body"])
            for resource in self.state()["resources"]
            if resource["type"] == "aws_api_gateway_rest_api"
            for instance in resource["instances"]
            if instance["attributes"]["name"] == name
        ]
        found: dict[str, Any] = document
        return found

    @contextmanager
    def database_gone(self) -> Iterator[Callable[[], None]]:
        """Kill the database, and keep it away until the yielded function is called."""
        supervisor = int((self.settings.folder / "supervisord.pid").read_text())
        server = int((self.settings.folder / "database" / "mariadb.pid").read_text())
        # A stopped supervisor does not start the database again.
        os.kill(supervisor, signal.SIGSTOP)
        os.kill(server, signal.SIGKILL)
        try:
            yield lambda: os.kill(supervisor, signal.SIGCONT)
        finally:
            os.kill(supervisor, signal.SIGCONT)

    @contextmanager
    def without_statement(self, function: str, sid: str) -> Iterator[None]:
        """Take one statement out of the policy of a function's role."""
        configuration = self.aws.client("lambda").get_function_configuration(FunctionName=function)
        with self.role_without(configuration["Role"].rsplit("/", 1)[1], sid):
            yield

    @contextmanager
    def role_without(self, role: str, sid: str) -> Iterator[None]:
        """Take one statement out of a policy of a role; its only one is the policy."""
        iam = self.aws.client("iam")
        documents = {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        }
        found = [
            name
            for name, policy in documents.items()
            if sid in (statement["Sid"] for statement in policy["Statement"])
        ]
        assert len(found) == 1, f"{role} has no statement {sid}"
        [name] = found
        document = documents[name]
        kept = [s for s in document["Statement"] if s["Sid"] != sid]

        def put(statements: list[dict[str, Any]]) -> None:
            if not statements:
                iam.delete_role_policy(RoleName=role, PolicyName=name)
                return
            policy = json.dumps({**document, "Statement": statements})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy)

        put(kept)
        try:
            yield
        finally:
            put(document["Statement"])

    @contextmanager
    def role_trusting(self, role: str, machine: str) -> Iterator[None]:
        """Have a role trust another state machine, by its ARN."""
        iam = self.aws.client("iam")
        more = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "states.amazonaws.com"},
            "Condition": {"ArnEquals": {"aws:SourceArn": machine}},
        }

        def change(alter: Callable[[list[Any]], list[Any]]) -> None:
            # Tests of a role run side by side.
            with TRUST:
                document = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
                policy = json.dumps({**document, "Statement": alter(document["Statement"])})
                iam.update_assume_role_policy(RoleName=role, PolicyDocument=policy)

        change(lambda statements: [*statements, more])
        try:
            yield
        finally:
            change(lambda statements: [one for one in statements if one != more])

    @contextmanager
    def database_started_with(self, *options: str) -> Iterator[None]:
        """Have the database's server run with more options."""
        server = DatabaseServer(self.settings.folder / "database", self.settings.ports.database)
        log = (self.settings.logs / "database-with-options.log").open("ab")
        with log, self.database_gone():
            wait_for(lambda: not server.answers(), "the database's end")
            process = subprocess.Popen(
                [*server.command(), *options], stdout=log, stderr=log, start_new_session=True
            )
            try:
                wait_for(server.answers, f"the database with {' '.join(options)}")
                yield
            finally:
                process.terminate()
                process.wait()
        wait_for(server.answers, "the database without more options")

    def invoke(self, function: str, payload: Any, qualifier: str) -> tuple[str | None, Any]:
        """Invoke a function; return its error's type (None when it worked) and its answer."""
        answer = self.aws.client("lambda").invoke(
            FunctionName=function, Qualifier=qualifier, Payload=json.dumps(payload)
        )
        value = json.loads(answer["Payload"].read())
        error = value.get("errorType", "error") if "FunctionError" in answer else None
        return error, value

    def error_of(self, function: str, payload: Any) -> str | None:
        """Call a function, and return its error if there is one."""
        error, answer = self.invoke(function, payload, "$LATEST")
        # CatchErrors continues when it cannot notify the bus.
        failed = isinstance(answer, dict) and (
            answer.get("statusCode", 0) >= 500 or answer.get("told") is False
        )
        return error or (str(answer) if failed else None)
