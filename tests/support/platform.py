"""The whole platform on this computer, for the tests that need it running."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from ops.aws.clients import Aws
from ops.executions.events import Event, Publisher
from ops.executions.executions import Execution, Executions, StateRun
from ops.flow import Workflow
from ops.flows.crm_registration.rows import CrmDatabase, Row
from ops.local.database import DatabaseServer
from ops.recovery import dead_letters
from ops.settings import LOCAL, REPOSITORY, LocalSettings, Ports
from ops.terraform.runner import Terraform
from tests.support.terraform_calls import LOG_FILE, LOG_LEVEL

FLOW = "crm_registration"
#: Where the state lies in its bucket, as `terraform/envs/*.s3.tfbackend` say.
STATE_KEY = "flowbridge.tfstate"
COLORS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


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
    def new(cls, folder: Path) -> Platform:
        """Return one in a folder, on ports that are free."""
        shutil.rmtree(folder, ignore_errors=True)
        return cls(LocalSettings(folder, Ports(emulator=free_port(), database=free_port())))

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
            "FLOWBRIDGE_FOLDER": str(self.settings.folder),
            "FLOWBRIDGE_EMULATOR_PORT": str(self.settings.ports.emulator),
            "FLOWBRIDGE_DATABASE_PORT": str(self.settings.ports.database),
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
    def flow(self) -> Workflow:
        """The CRM registration flow."""
        return Workflow.from_outputs(self.outputs, FLOW)

    @cached_property
    def executions(self) -> Executions:
        """The flow's executions."""
        return Executions(self.aws.client("stepfunctions"), self.flow.state_machine_arn)

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

    def function(self, key: str) -> str:
        """Return a function's name by its state or endpoint."""
        name: str = self.outputs["flows"][FLOW]["functions"][key]["name"]
        return name

    def api_key(self) -> str:
        """Return the API key."""
        secret = self.outputs["flows"][FLOW]["apis"]["crm"]["api_key_secret_arn"]
        answer = self.aws.client("secretsmanager").get_secret_value(SecretId=secret)
        text: str = answer["SecretString"]
        return text

    def publish(self, *leads: dict[str, Any]) -> list[str]:
        """Put leads onto the bus and return the ids of their events."""
        events = [
            Event(number, "kranio.event.crm", "CRM Registration", json.dumps(lead))
            for number, lead in enumerate(leads, start=1)
        ]
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

    def rows(self, rut: str) -> dict[str, list[Row]]:
        """Return a person's rows, by table."""
        database = CrmDatabase(self.outputs["database"], self.aws.client("secretsmanager"))
        try:
            return database.rows(rut)
        finally:
            database.close()

    def failed_message(self, execution: Execution) -> dict[str, Any]:
        """Return the message of the failed-leads queue that an execution left."""
        sqs, url = self.aws.client("sqs"), self.flow.failed_queue_url

        def found() -> dict[str, Any] | None:
            letters = dead_letters.look(sqs, dead_letters.FAILED, url)
            raw = next((x.raw for x in letters if x.execution == execution.arn), None)
            return json.loads(raw["Body"]) if raw else None

        message: dict[str, Any] = wait_for(found, f"message of {execution.name}", 30)
        return message

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
        """Take one statement out of the policy of a role."""
        iam = self.aws.client("iam")
        [name] = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        kept = [s for s in document["Statement"] if s["Sid"] != sid]
        assert len(kept) == len(document["Statement"]) - 1, f"{role} has no statement {sid}"

        def put(statements: list[dict[str, Any]]) -> None:
            policy = json.dumps({**document, "Statement": statements})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy)

        put(kept)
        try:
            yield
        finally:
            put(document["Statement"])

    @contextmanager
    def configured(
        self, variables: dict[str, dict[str, str]], timeout: int | None = None
    ) -> Iterator[None]:
        """Have functions run with other environment variables, by state or endpoint.

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
