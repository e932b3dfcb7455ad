"""Tasks of state machines call services with the rights of a role.

MiniStack calls the service of a task as root. Here a task signs in as the state machine's role,
assumes the role in its ``Credentials`` if it has one, and calls the service like any client.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

JsonObject = dict[str, Any]
Credentials = dict[str, str]
Invoke = Callable[[str, Any], Any]
Connect = Callable[[str, str, Credentials], Any]

#: The services that a task calls as a role, and the prefixes of their errors.
SDK_ERRORS = {"dynamodb": "DynamoDb", "s3": "S3", "sesv2": "SesV2"}
RESOURCE = re.compile(r"^arn:aws:states:::(?:aws-sdk:(dynamodb|s3|sesv2)|dynamodb):([A-Za-z]+)$")

_task: ContextVar[JsonObject] = ContextVar("task")
_making = threading.Lock()


def apply(endpoint: str) -> None:
    """Replace MiniStack's functions."""
    from ministack.core import lambda_runtime
    from ministack.services import stepfunctions

    stepfunctions._execute_task = remember_task(stepfunctions._execute_task)
    stepfunctions._invoke_resource = with_roles(
        stepfunctions._invoke_resource,
        stepfunctions._ExecutionError,
        lambda machine: stepfunctions._state_machines[machine]["roleArn"],
        stepfunctions._apply_jsonata_template,
        lambda_runtime.execution_credentials,
        partial(client, endpoint),
    )


def remember_task(execute: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's run of a task, which records the task for its calls."""

    def execute_task(state: JsonObject, given: Any, execution: Any, context: JsonObject) -> Any:
        reset = _task.set({"state": state, "input": given, "context": context})
        try:
            return execute(state, given, execution, context)
        finally:
            _task.reset(reset)

    return execute_task


def with_roles(
    invoke: Invoke,
    error: Callable[[str, str], Exception],
    role_of: Callable[[str], str],
    fill: Callable[..., Any],
    sign_in: Callable[[JsonObject], Credentials],
    connect: Connect,
) -> Invoke:
    """Return MiniStack's call of a task's service, made as a role for some services.

    Parameters
    ----------
    invoke
        MiniStack's function, used for every other service.
    error
        Makes the error of a state from a name and a cause.
    role_of
        Returns the role's ARN of a state machine, by its ARN.
    fill
        Evaluates a template's expressions, given the state's input and context.
    sign_in
        Returns the credentials of a function's role, as MiniStack gives them to functions.
    connect
        Returns the client of a service for a region and credentials.
    """

    def invoke_as_role(resource: str, arguments: Any) -> Any:
        match = RESOURCE.match(resource)
        if match is None:
            return invoke(resource, arguments)
        from botocore.exceptions import BotoCoreError, ClientError

        service, action = match[1] or "dynamodb", match[2]
        prefix = SDK_ERRORS[service] if match[1] else "DynamoDB"
        task = _task.get()
        machine = ":".join(task["context"]["StateMachine"]["Id"].split(":")[:7])
        region, account = machine.split(":")[3:5]
        credentials = sign_in(
            {
                "Role": role_of(machine),
                "FunctionArn": f"arn:aws:lambda:{region}:{account}:function:state-machine",
                "FunctionName": "state-machine",
            }
        )
        try:
            if "Credentials" in task["state"]:
                wanted = fill(task["state"]["Credentials"], task["input"], task["context"])
                role = wanted.get("RoleArn") or "none"
                credentials = assume(connect("sts", region, credentials), role)
        except (BotoCoreError, ClientError) as refusal:
            raise error("States.Permissions", str(refusal)) from None
        call = getattr(connect(service, region, credentials), snake(action))
        try:
            answer = call(**arguments)
        except ClientError as refusal:
            details = refusal.response["Error"]
            code = details["Code"]
            if not code.endswith("Exception"):
                code += "Exception"
            raise error(f"{prefix}.{code}", details["Message"]) from None
        except BotoCoreError as refusal:
            raise error("States.Runtime", str(refusal)) from None
        answer.pop("ResponseMetadata", None)
        return json.loads(json.dumps(answer, default=str))

    return invoke_as_role


def assume(sts: Any, role: str) -> Credentials:
    """Return the credentials of a role, if the caller may assume it."""
    taken = sts.assume_role(RoleArn=role, RoleSessionName="task")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": taken["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": taken["SecretAccessKey"],
        "AWS_SESSION_TOKEN": taken["SessionToken"],
    }


def client(endpoint: str, service: str, region: str, credentials: Credentials) -> Any:
    """Return a boto3 client that calls the emulator with credentials."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    # boto3's default session is not thread-safe while it makes a client.
    with _making:
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials["AWS_SESSION_TOKEN"],
            config=config,
        )


def snake(action: str) -> str:
    """Return boto3's name of an action: putItem becomes put_item."""
    return re.sub(r"([A-Z])", r"_\1", action).lower()
