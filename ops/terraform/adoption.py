"""Find resources that exist although Terraform's state lacks them.

A call that was cut off may have created a resource whose answer Terraform never got. A Terraform
that was killed loses what it created since it last wrote its state. The next apply would fail at a
resource that exists already, or create a second one. This module looks for each resource that a
plan would create, and writes ``import`` blocks for those that exist.

A deleted secret keeps its name until its recovery window ends. An environment that is created again
meanwhile gets it back, with its value.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

Client = Callable[[str], Any]
Values = Mapping[str, Any]
#: Returns the identifier by which Terraform imports a resource, None when it does not exist.
Find = Callable[[Client, Values], str | None]

#: In the codes of errors that say that a resource does not exist.
#: Where a right is missing, the error of the creation says enough.
ABSENT = re.compile(
    r"NotFound|NoSuch|NotExist|NonExistent|^404$|^403$|AccessDenied|Unauthorized|Forbidden"
)
#: In the errors of a creation, when the resource exists.
EXISTS = re.compile(
    r"already exist|AlreadyExist|already own|AlreadyOwned|EntityExists|ResourceConflict|"
    r"ResourceInUse|ConflictException|QueueNameExists|\.Duplicate\b|DuplicateListener|"
    r"already scheduled for deletion",
    re.IGNORECASE,
)
#: A replacement would delete their data.
STATEFUL = {
    "aws_db_instance",
    "aws_dynamodb_table",
    "aws_kms_key",
    "aws_s3_bucket",
    "aws_sqs_queue",
}
#: Tagged by a second call, so an interruption may leave them without any tag.
TAGGED_LATER = {"aws_s3_bucket"}
PARALLEL = 8
IMPORTS_FILE = "adopted.tf"
#: Types whose interrupted creation the next apply completes in place: one call creates them, and a
#: refresh shows what is missing. An API, in contrast, could stay without its document.
COMPLETED_IN_PLACE = frozenset({"aws_lambda_function", "aws_s3_bucket"})


@dataclass(frozen=True)
class Leftover:
    """A resource that exists and is not in the state."""

    address: str
    identifier: str


@dataclass(frozen=True)
class DeletedSecret:
    """A secret that is scheduled for deletion, whose name a plan would use."""

    address: str
    name: str
    tags: Mapping[str, str]


def get(service: str, operation: str, answer: str | None = None, **arguments: str) -> Find:
    """Return a search by a call that fails for what does not exist.

    Parameters
    ----------
    service, operation
        The call.
    answer
        The field of the answer with the identifier; without it, that is the first argument's value.
    arguments
        The call's arguments, and the attributes of the resource that are their values.
    """

    def find(client: Client, values: Values) -> str | None:
        given = {name: values.get(attribute) for name, attribute in arguments.items()}
        if not all(given.values()):
            return None
        found = getattr(client(service), operation)(**given)
        return str(found[answer] if answer else next(iter(given.values())))

    return find


def find_in(
    service: str,
    operation: str,
    path: str,
    name: str,
    attribute: str,
    identifier: str,
    **filters: str,
) -> Find:
    """Return a search through a list.

    Parameters
    ----------
    service, operation
        The call that lists.
    path
        The fields of the answer that lead to the list, with dots.
    name, attribute
        The field of an item and the attribute of the resource that have the same value.
    identifier
        The field of an item with the identifier.
    filters
        Other arguments of the call.
    """

    def find(client: Client, values: Values) -> str | None:
        wanted = values.get(attribute)
        if not wanted:
            return None
        for page in pages(client(service), operation, filters):
            found: Any = page
            for part in path.split("."):
                found = (found or {}).get(part)
            for item in found or ():
                if item.get(name) == wanted:
                    return str(item[identifier])
        return None

    return find


def pages(client: Any, operation: str, filters: Mapping[str, str]) -> Iterator[Any]:
    """Yield the pages of a list."""
    if client.can_paginate(operation):
        yield from client.get_paginator(operation).paginate(**filters)
    else:
        yield getattr(client, operation)(**filters)


def function_alias(client: Client, values: Values) -> str | None:
    """Find an alias of a function."""
    function, name = values.get("function_name"), values.get("name")
    if not (function and name):
        return None
    client("lambda").get_alias(FunctionName=function, Name=name)
    return f"{function.split(':')[-1]}/{name}"


def function_permission(client: Client, values: Values) -> str | None:
    """Find a statement of a function's policy."""
    function, statement = values.get("function_name"), values.get("statement_id")
    if not (function and statement):
        return None
    qualifier = {"Qualifier": values["qualifier"]} if values.get("qualifier") else {}
    policy = client("lambda").get_policy(FunctionName=function, **qualifier)["Policy"]
    if f'"{statement}"' not in policy:
        return None
    return f"{':'.join([function, *qualifier.values()])}/{statement}"


def rest_api_stage(client: Client, values: Values) -> str | None:
    """Find the stage of a REST API."""
    api, name = values.get("rest_api_id"), values.get("stage_name")
    if not (api and name):
        return None
    client("apigateway").get_stage(restApiId=api, stageName=name)
    return f"{api}/{name}"


def parameter_group(client: Client, values: Values) -> str | None:
    """Find a parameter group of the family, whose name AWS's provider completes."""
    prefix, family = values.get("name_prefix"), values.get("family")
    if not (prefix and family):
        return None
    for page in pages(client("rds"), "describe_db_parameter_groups", {}):
        for group in page["DBParameterGroups"]:
            name = str(group["DBParameterGroupName"])
            if name.startswith(prefix) and group["DBParameterGroupFamily"] == family:
                return name
    return None


def secret(client: Client, values: Values) -> str | None:
    """Find a secret that is not about to be deleted."""
    if not (name := values.get("name")):
        return None
    found = client("secretsmanager").describe_secret(SecretId=name)
    return None if "DeletedDate" in found else str(found["ARN"])


def response_headers_policy(client: Client, values: Values) -> str | None:
    """Find a response headers policy of the account."""
    answer = client("cloudfront").list_response_headers_policies(Type="custom")
    for item in answer["ResponseHeadersPolicyList"].get("Items", ()):
        policy = item["ResponseHeadersPolicy"]
        if policy["ResponseHeadersPolicyConfig"]["Name"] == values.get("name"):
            return str(policy["Id"])
    return None


def bucket(client: Client, values: Values) -> str | None:
    """Find a bucket of the account. Names are global, so another account may own one."""
    if not (name := values.get("bucket")):
        return None
    account = client("sts").get_caller_identity()["Account"]
    client("s3").head_bucket(Bucket=name, ExpectedBucketOwner=account)
    return str(name)


def managed_policy(client: Client, values: Values) -> str | None:
    """Find a managed policy of the account."""
    if not (name := values.get("name")):
        return None
    account = client("sts").get_caller_identity()["Account"]
    arn = f"arn:aws:iam::{account}:policy{values.get('path') or '/'}{name}"
    client("iam").get_policy(PolicyArn=arn)
    return arn


def state_machine_alias(client: Client, values: Values) -> str | None:
    """Find an alias of a state machine."""
    for route in values.get("routing_configuration") or ():
        if version := route.get("state_machine_version_arn"):
            arn = f"{version.rpartition(':')[0]}:{values['name']}"
            client("stepfunctions").describe_state_machine_alias(stateMachineAliasArn=arn)
            return arn
    return None


#: How resources are found whose second creation fails, or makes a second one.
FINDERS: Mapping[str, Find] = {
    "aws_api_gateway_rest_api": find_in(
        "apigateway", "get_rest_apis", "items", "name", "name", "id"
    ),
    "aws_api_gateway_stage": rest_api_stage,
    "aws_api_gateway_usage_plan": find_in(
        "apigateway", "get_usage_plans", "items", "name", "name", "id"
    ),
    "aws_cloudfront_distribution": find_in(
        "cloudfront", "list_distributions", "DistributionList.Items", "Comment", "comment", "Id"
    ),
    "aws_cloudfront_origin_access_control": find_in(
        "cloudfront",
        "list_origin_access_controls",
        "OriginAccessControlList.Items",
        "Name",
        "name",
        "Id",
    ),
    "aws_cloudfront_response_headers_policy": response_headers_policy,
    "aws_cloudwatch_event_archive": get("events", "describe_archive", ArchiveName="name"),
    "aws_cloudwatch_event_bus": get("events", "describe_event_bus", Name="name"),
    "aws_cloudwatch_log_group": find_in(
        "logs", "describe_log_groups", "logGroups", "logGroupName", "name", "logGroupName"
    ),
    "aws_db_instance": get("rds", "describe_db_instances", DBInstanceIdentifier="identifier"),
    "aws_db_parameter_group": parameter_group,
    "aws_db_subnet_group": get("rds", "describe_db_subnet_groups", DBSubnetGroupName="name"),
    "aws_dynamodb_table": get("dynamodb", "describe_table", TableName="name"),
    "aws_iam_policy": managed_policy,
    "aws_iam_role": get("iam", "get_role", RoleName="name"),
    "aws_kms_alias": find_in("kms", "list_aliases", "Aliases", "AliasName", "name", "AliasName"),
    "aws_lambda_alias": function_alias,
    "aws_lambda_function": get(
        "lambda", "get_function_configuration", FunctionName="function_name"
    ),
    "aws_lambda_permission": function_permission,
    "aws_s3_bucket": bucket,
    "aws_secretsmanager_secret": secret,
    "aws_ses_template": get("ses", "get_template", TemplateName="name"),
    "aws_sesv2_configuration_set": get(
        "sesv2", "get_configuration_set", ConfigurationSetName="configuration_set_name"
    ),
    "aws_sesv2_email_identity": get("sesv2", "get_email_identity", EmailIdentity="email_identity"),
    "aws_sfn_alias": state_machine_alias,
    "aws_sfn_state_machine": find_in(
        "stepfunctions",
        "list_state_machines",
        "stateMachines",
        "name",
        "name",
        "stateMachineArn",
    ),
    "aws_sqs_queue": get("sqs", "get_queue_url", answer="QueueUrl", QueueName="name"),
    "aws_ssm_parameter": get("ssm", "get_parameter", Name="name"),
}


def leftovers(client: Client, plan: Mapping[str, Any]) -> list[Leftover]:
    """Return what a plan would create although it exists.

    Parameters
    ----------
    client
        Returns the client of a service.
    plan
        The JSON form of the plan.
    """
    planned = [
        change
        for change in plan.get("resource_changes", [])
        if change["change"]["actions"] == ["create"] and change["type"] in FINDERS
    ]
    making = threading.Lock()

    def made_alone(service: str) -> Any:
        # boto3 makes clients in one thread at a time only.
        with making:
            return client(service)

    def search(change: Mapping[str, Any]) -> Leftover | None:
        found = find(made_alone, change["type"], change["change"].get("after") or {})
        return Leftover(change["address"], found) if found else None

    with ThreadPoolExecutor(PARALLEL) as pool:
        return [found for found in pool.map(search, planned) if found]


def deleted_secrets(client: Client, plan: Mapping[str, Any]) -> list[DeletedSecret]:
    """Return the secrets that a plan would create and that are scheduled for deletion.

    Parameters
    ----------
    client
        Returns the client of a service.
    plan
        The JSON form of the plan.
    """
    manager = client("secretsmanager")
    found = []
    for change in plan.get("resource_changes", []):
        name = (change["change"].get("after") or {}).get("name")
        is_created = change["change"]["actions"] == ["create"]
        if change["type"] != "aws_secretsmanager_secret" or not is_created or not name:
            continue
        try:
            answer = manager.describe_secret(SecretId=name)
        except ClientError as error:
            if ABSENT.search(error.response["Error"]["Code"]):
                continue
            raise
        if answer.get("DeletedDate"):
            tags = {tag["Key"]: tag["Value"] for tag in answer.get("Tags", ())}
            found.append(DeletedSecret(change["address"], name, tags))
    return found


def find(client: Client, kind: str, values: Values) -> str | None:
    """Return the identifier of a resource, None when it does not exist."""
    try:
        return FINDERS[kind](client, values)
    except ClientError as error:
        if ABSENT.search(error.response["Error"]["Code"]):
            return None
        raise


def foreign(plan: Mapping[str, Any], tags: Mapping[str, str]) -> list[str]:
    """Return the addresses of a plan's imports that lack the tags of the environment."""
    return [
        change["address"]
        for change in imports(plan)
        if (found := (change["change"].get("before") or {}).get("tags_all")) is not None
        and not tags.items() <= found.items()
        and (found or change["type"] not in TAGGED_LATER)
    ]


def replaced(plan: Mapping[str, Any]) -> list[str]:
    """Return the addresses of a plan's imports that would be replaced, and their data lost."""
    return [
        change["address"]
        for change in imports(plan)
        if "delete" in change["change"]["actions"] and change["type"] in STATEFUL
    ]


def imports(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the changes of a plan that import something."""
    return [x for x in plan.get("resource_changes", []) if "importing" in x["change"]]


def import_blocks(found: Iterable[Leftover]) -> str:
    """Return Terraform's configuration that adopts resources."""
    return "".join(
        f'import {{\n  to = {each.address}\n  id = "{escaped(each.identifier)}"\n}}\n'
        for each in found
    )


def escaped(text: str) -> str:
    """Return a text as it stands within quotes in Terraform's language."""
    for character in ("\\", '"'):
        text = text.replace(character, f"\\{character}")
    return text.replace("${", "$${").replace("%{", "%%{")


def tainted(module: Mapping[str, Any]) -> dict[str, str]:
    """Return what the next apply would replace as incomplete: types by address.

    `module` is one of ``terraform show -json``; those that it calls are included.
    """
    found = {x["address"]: x["type"] for x in module.get("resources", []) if x.get("tainted")}
    for child in module.get("child_modules", []):
        found |= tainted(child)
    return found


@contextmanager
def with_imports(folder: Path, found: Iterable[Leftover]) -> Iterator[None]:
    """Put ``import`` blocks into a folder for a while."""
    file = folder / IMPORTS_FILE
    file.write_text(import_blocks(found))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
