"""State machines run for real, with functions that do what a test scripts."""

from __future__ import annotations

import io
import json
import re
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.aws.clients import Aws
from ops.executions.executions import Execution, Executions, StateRun
from ops.settings import LOCAL
from tests.support.emulator import running_emulator
from tests.support.platform import wait_for

#: The function behind every state: plays the next step that the scenario's script has for it.
SCRIPTED_FUNCTION = """
import json, os, pathlib

def handler(event, context):
    detail = event.get("detail") or event
    # What is caught may be without its event; the execution's name is the scenario, too.
    scenario = detail.get("scenario") or event["execution"].rpartition(":")[2]
    folder = pathlib.Path(os.environ["SCRIPTS"], scenario)
    state = os.environ["STATE"]
    file = folder / f"{state}.json"
    errors = json.loads(file.read_text()) if file.exists() else []
    with (folder / f"{state}.calls").open("a") as calls:
        calls.write(json.dumps(event) + "\\n")
    if errors:
        file.write_text(json.dumps(errors[1:]))
        if errors[0] == "Runtime.ExitError":
            os._exit(1)
        if errors[0]:
            raise type(errors[0], (Exception,), {})("scripted")
    if state == "CatchErrors":
        return {"error": event["error"]["Error"], "cause": "scripted", "messageId": "m"}
    return detail
"""


@dataclass(frozen=True)
class Ended:
    """An execution that ended, its states, and what each function was given."""

    execution: Execution
    runs: list[StateRun]
    calls: dict[str, list[Any]]

    @property
    def states(self) -> list[str]:
        """The states in the order of the visits."""
        return [run.name for run in self.runs]


class StateMachine:
    """A flow's state machine whose functions are scripted."""

    def __init__(self, client: Any, arn: str, scripts: Path) -> None:
        self._client = client
        self._arn = arn
        self._scripts = scripts

    def run(self, errors: dict[str, list[str | None]], **detail: str) -> Ended:
        """Run one event; `errors` scripts each state's tries: an error's name, or None for good.

        Tries beyond the script are good. The event's detail has what else is given.
        """
        scenario = uuid.uuid4().hex
        folder = self._scripts / scenario
        folder.mkdir()
        for state, script in errors.items():
            (folder / f"{state}.json").write_text(json.dumps(script))
        event = {"id": scenario, "detail": {"scenario": scenario, "rut": "1-9", **detail}}
        arn = self._client.start_execution(
            stateMachineArn=self._arn, name=scenario, input=json.dumps(event)
        )["executionArn"]
        executions = Executions(self._client, self._arn)

        def over() -> Execution | None:
            execution = executions.describe(arn)
            return execution if execution.is_over else None

        execution = wait_for(over, "the end of the execution")
        calls = {
            file.stem: [json.loads(line) for line in file.read_text().splitlines()]
            for file in folder.glob("*.calls")
        }
        return Ended(execution, executions.history(arn), calls)


@contextmanager
def running_state_machine(folder: Path, definition: str) -> Iterator[StateMachine]:
    """Run a state machine with scripted functions on an emulator whose waits take no time."""
    with running_emulator(folder, SFN_WAIT_SCALE="0") as settings:
        aws = Aws(LOCAL, settings)
        role = create_role(aws)
        text = definition
        for state in set(re.findall(r"function:(\w+)", definition)):
            arn = create_function(aws, state, role, folder)
            text = re.sub(rf'"arn:aws:lambda:[^"]*:function:{state}"', json.dumps(arn), text)
        client = aws.client("stepfunctions")
        arn = client.create_state_machine(name="scripted", definition=text, roleArn=role)[
            "stateMachineArn"
        ]
        yield StateMachine(client, arn, folder)


def create_role(aws: Aws) -> str:
    """Make the role of everything, which may invoke functions and log; return its ARN."""
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = aws.client("iam")
    answer = iam.create_role(RoleName="any", AssumeRolePolicyDocument=document)
    actions = ["lambda:InvokeFunction", "logs:*"]
    right = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [right]})
    iam.put_role_policy(RoleName="any", PolicyName="invoke", PolicyDocument=document)
    arn: str = answer["Role"]["Arn"]
    return arn


def create_function(aws: Aws, state: str, role: str, scripts: Path) -> str:
    """Make the function of a state and return its ARN."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("scripted.py", SCRIPTED_FUNCTION)
    answer = aws.client("lambda").create_function(
        FunctionName=state,
        Runtime="python3.13",
        Handler="scripted.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": {"STATE": state, "SCRIPTS": str(scripts)}},
    )
    arn: str = answer["FunctionArn"]
    return arn
