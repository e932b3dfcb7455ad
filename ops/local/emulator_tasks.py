"""Let the tasks of the emulator's state machines call services with the rights of a role.

The emulator calls a task's service as its own root, so that neither the state machine's role nor
the role that a task names in its ``Credentials`` could ever refuse anything, and it knows neither
``s3:putObject`` nor ``sesv2`` there. Here such a task signs in as the state machine's role, takes
on the role of its credentials as that one may, and calls the service as any client would.

What the conditions of policies read is missing in the emulator in part: the leading keys of a
DynamoDB request, the identity that a mail is sent by, and a session's role as ``aws:PrincipalArn``
has it. This module runs in the
emulator's own Python environment and imports nothing of the project.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

JsonObject = dict[str, Any]
Invoke = Callable[[str, Any], Any]

#: What a role calls, and how its errors begin.
SDK_ERRORS = {"dynamodb": "DynamoDb", "s3": "S3", "sesv2": "SesV2"}
RESOURCE = re.compile(r"^arn:aws:states:::(?:aws-sdk:(dynamodb|s3|sesv2)|dynamodb):([A-Za-z]+)$")
SENDER = re.compile(r"([^<>@\s]+@([^<>\s]+?))>?$")

_task: ContextVar[JsonObject] = ContextVar("task")
_making = threading.Lock()


def make_whole() -> None:
    """Put the functions of this module in the place of the emulator's own."""
    from ministack.core import iam_actions, iam_evaluator, lambda_runtime
    from ministack.services import dynamodb, stepfunctions

    stepfunctions._execute_task = remember_task(stepfunctions._execute_task)
    stepfunctions._invoke_resource = with_roles(
        stepfunctions._invoke_resource,
        stepfunctions._ExecutionError,
        lambda machine: stepfunctions._state_machines[machine]["roleArn"],
        stepfunctions._apply_jsonata_template,
        lambda_runtime.execution_credentials,
    )
    iam_actions.dynamodb_service_context = with_leading_keys(
        iam_actions.dynamodb_service_context, lambda name: dynamodb._tables.get(name) or {}
    )
    iam_actions._ses_v2_resource_arn = with_senders(iam_actions._ses_v2_resource_arn)
    iam_evaluator._resolve_condition_key = with_role_arns(iam_evaluator._resolve_condition_key)


def remember_task(execute: Callable[..., Any]) -> Callable[..., Any]:
    """Return the emulator's run of a task, which then tells its calls whose they are."""

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
    sign_in: Callable[[JsonObject], dict[str, str]],
) -> Invoke:
    """Return the emulator's call of a task's service, which is then a role's.

    Parameters
    ----------
    invoke
        The emulator's own, for what no role calls here.
    error
        Makes the error of a state, of its name and its cause.
    role_of
        The role's ARN of a state machine, by its ARN.
    fill
        Evaluates a template's expressions, given the state's input and context.
    sign_in
        The credentials of a role for a function, which the emulator gives to functions.
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
                credentials = take_on(role, region, credentials)
        except (BotoCoreError, ClientError) as refusal:
            raise error("States.Permissions", str(refusal)) from None
        call = getattr(client(service, region, credentials), snake(action))
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


def take_on(role: str, region: str, credentials: dict[str, str]) -> dict[str, str]:
    """Return the credentials of a role, for who may take it on."""
    answer = client("sts", region, credentials).assume_role(RoleArn=role, RoleSessionName="task")
    taken = answer["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": taken["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": taken["SecretAccessKey"],
        "AWS_SESSION_TOKEN": taken["SessionToken"],
    }


def client(service: str, region: str, credentials: dict[str, str]) -> Any:
    """Return a boto3 client that calls the emulator as somebody."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    # Making a client is the one thing that boto3 does not let several threads do.
    with _making:
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=region,
            endpoint_url=os.environ["AWS_ENDPOINT_URL"],
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials["AWS_SESSION_TOKEN"],
            config=config,
        )


def snake(action: str) -> str:
    """Return an action's name as boto3 has it: putItem becomes put_item."""
    return re.sub(r"([A-Z])", r"_\1", action).lower()


def with_leading_keys(
    context: Callable[[bytes], JsonObject], table_of: Callable[[str], JsonObject]
) -> Callable[[bytes], JsonObject]:
    """Return the emulator's reading of a DynamoDB request, with the partition keys it is about."""

    def context_with_keys(body: bytes) -> JsonObject:
        found = dict(context(body))
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            return found
        table = table_of(str(asked.get("TableName", "")).rpartition("/")[2])
        hashes = [k["AttributeName"] for k in table.get("KeySchema", []) if k["KeyType"] == "HASH"]
        if hashes and (keys := leading_keys(asked, hashes[0])):
            found["dynamodb:LeadingKeys"] = keys
        return found

    return context_with_keys


def leading_keys(asked: JsonObject, name: str) -> list[str]:
    """Return the values of a partition key in a request for one item, or in a query."""
    item = asked.get("Item") or asked.get("Key") or {}
    values = [item[name]] if name in item else []
    names = asked.get("ExpressionAttributeNames") or {}
    known = asked.get("ExpressionAttributeValues") or {}
    for key, value in re.findall(r"([#\w]+)\s*=\s*(:\w+)", asked.get("KeyConditionExpression", "")):
        if names.get(key, key) == name and value in known:
            values.append(known[value])
    return [str(next(iter(value.values()))) for value in values if isinstance(value, dict)]


def with_senders(arn_of: Callable[..., str]) -> Callable[..., str]:
    """Return the emulator's finding of what an SES call is about: for a mail, its sender's domain.

    AWS asks for the right on the template and on the configuration set as well.
    """

    def arn_with_sender(method: str, path: str, body: bytes, region: str, account: str) -> str:
        if method == "POST" and path.rstrip("/").endswith("/outbound-emails"):
            sender = SENDER.search(str(json.loads(body or b"{}").get("FromEmailAddress", "")))
            if sender:
                return f"arn:aws:ses:{region}:{account}:identity/{sender[2]}"
        return arn_of(method, path, body, region, account)

    return arn_with_sender


def with_role_arns(value_of: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """Return the emulator's value of a condition's key, which for a session is then its role's ARN.

    A session's ARN does not tell the role's path.
    """

    def value_with_role(key: str, context: Any) -> Any:
        value = value_of(key, context)
        if key.lower() == "aws:principalarn" and isinstance(value, str):
            return re.sub(
                r"^(arn:[^:]+):sts::(\d+):assumed-role/([^/]+)/.*", r"\1:iam::\2:role/\3", value
            )
        return value

    return value_with_role
