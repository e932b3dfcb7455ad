"""The asynchronous polling of an environment, as its callers and its operator see it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from emulator.stand_ins.async_service import KEY, PATH
from ops.executions.executions import Execution, Executions
from ops.flows.async_polling import SECRET
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

FLOW = "async_polling"
BUCKET = "flowbridge-local-async-results-000000000000"
CALL = "flowbridge-local-async-polling-call"
#: Of requests of tests: as short as the calls can be.
LIMITS = {"waitSeconds": 1, "deadlineSeconds": 60, "maxErrors": 5}


@dataclass
class Analysis(RunningFlow):
    """The flow, with the service that it calls."""

    name: str = field(default=FLOW, kw_only=True)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Call the service itself."""
        answer = requests.request(
            method,
            f"{self.settings.endpoint}{PATH}{path}",
            json=body,
            headers={"x-api-key": KEY},
            timeout=10,
        )
        assert answer.ok, answer.text
        return answer.json() if answer.text else None

    def behave(self, marker: str, **behaviour: Any) -> None:
        """Have the service behave so to jobs whose input has a text."""
        self.ask("PUT", f"/behaviour/{marker}", behaviour)

    def jobs(self, event: str) -> list[dict[str, Any]]:
        """Return the jobs of an event at the service, in the order of their starts."""
        return [job for job in self.ask("GET", "/jobs") if job["key"].startswith(event)]

    @property
    def calls(self) -> Executions:
        """The executions of the child."""
        machine = self.output["children"]["call"]["state_machine_arn"]
        return Executions(self.aws.client("stepfunctions"), machine)

    def call(self, token: str, **given: Any) -> Execution:
        """Run the child alone, and return its execution when it has ended."""
        client = self.aws.client("stepfunctions")
        arn = client.start_execution(
            stateMachineArn=self.output["children"]["call"]["alias_arn"],
            input=json.dumps({**LIMITS, "token": token, **given}),
        )["executionArn"]

        def over() -> Execution | None:
            execution = self.calls.describe(arn)
            return execution if execution.is_over else None

        ended: Execution = wait_for(over, f"the end of {token}", 60)
        return ended

    @contextmanager
    def service_at(self, port: int) -> Iterator[None]:
        """Have the functions find the service at another port."""
        secrets = self.aws.client("secretsmanager")
        before = secrets.get_secret_value(SecretId=SECRET)["SecretString"]
        value = {**json.loads(before), "url": f"http://127.0.0.1:{port}{PATH}"}
        secrets.put_secret_value(SecretId=SECRET, SecretString=json.dumps(value))
        fresh = {state: {"SERVICE": "elsewhere"} for state in ("StartJob", "PollJob", "CancelJob")}
        try:
            # With new versions of the functions, which have not read the secret yet.
            with self.configured(fresh):
                yield
        finally:
            secrets.put_secret_value(SecretId=SECRET, SecretString=before)


def request(text: str = "", **more: Any) -> dict[str, Any]:
    """Return a request; without documents it has a text, and by default one of its own."""
    given = {} if "documents" in more else {"text": text or f"own {uuid.uuid4().hex}"}
    return {"id": f"r-{uuid.uuid4().hex[:12]}", "limits": LIMITS, **given, **more}
