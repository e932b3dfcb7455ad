"""Read the resources of an application from a state file of Terraform, or from a stack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from emulator.patches.resiliencehub.assessment import Resource

STATE_URL = re.compile(
    r"^(?:s3://(?P<b1>[^/]+)/(?P<k1>.+)|https://(?P<b2>[^./]+)\.s3[.-][^/]*/(?P<k2>.+))$"
)
#: Terraform's types of resources without data of their own.
PLAIN = {
    "aws_api_gateway_rest_api": "stateless",
    "aws_lambda_function": "stateless",
    "aws_sfn_state_machine": "stateless",
    "aws_sns_topic": "messages",
    "aws_sqs_queue": "messages",
}
#: CloudFormation's.
PLAIN_OF_STACKS = {
    "AWS::ApiGateway::RestApi": "stateless",
    "AWS::Lambda::Function": "stateless",
    "AWS::SNS::Topic": "messages",
    "AWS::SQS::Queue": "messages",
    "AWS::StepFunctions::StateMachine": "stateless",
}


def place_of(url: str) -> tuple[str, str] | None:
    """Return bucket and key of a state file; nothing if the URL names none."""
    found = STATE_URL.match(url)
    if found is None:
        return None
    return found["b1"] or found["b2"], found["k1"] or found["k2"]


def of_state(state: Mapping[str, Any]) -> list[Resource]:
    """Return the resources of a state file of Terraform, version 4."""
    instances = [
        (block["type"], instance.get("attributes") or {})
        for block in state.get("resources", ())
        if block.get("mode") == "managed"
        for instance in block.get("instances", ())
    ]
    versioned = {
        attributes["bucket"]
        for kind, attributes in instances
        if kind == "aws_s3_bucket_versioning"
        and any(one["status"] == "Enabled" for one in attributes["versioning_configuration"])
    }
    replicated = {
        attributes["bucket"]
        for kind, attributes in instances
        if kind == "aws_s3_bucket_replication_configuration"
    }
    return [
        found
        for kind, attributes in instances
        if (found := of_instance(kind, attributes, versioned, replicated))
    ]


def of_instance(
    kind: str, attributes: Mapping[str, Any], versioned: set[str], replicated: set[str]
) -> Resource | None:
    """Return a resource of Terraform; nothing if it is of no known type."""
    name = str(attributes.get("name") or attributes.get("function_name") or attributes.get("id"))
    if kind in PLAIN:
        return Resource(PLAIN[kind], name, {})
    if kind == "aws_dynamodb_table":
        recovery = attributes.get("point_in_time_recovery") or ()
        settings: dict[str, Any] = {
            "point_in_time_recovery": any(one["enabled"] for one in recovery),
            "replicas": bool(attributes.get("replica")),
        }
        return Resource("table", name, settings)
    if kind == "aws_s3_bucket":
        bucket = attributes["bucket"]
        settings = {"versions": bucket in versioned, "replication": bucket in replicated}
        return Resource("bucket", bucket, settings)
    if kind == "aws_db_instance":
        settings = {
            "backup_days": attributes.get("backup_retention_period"),
            "multi_az": attributes.get("multi_az"),
        }
        return Resource("database", str(attributes.get("identifier") or name), settings)
    return None


def of_stack(resources: Iterable[Mapping[str, Any]]) -> list[Resource]:
    """Return the resources of a stack: their ``Type``, ``Name`` and ``Properties``."""
    found: list[Resource] = []
    for one in resources:
        kind, name, properties = one["Type"], str(one["Name"]), one.get("Properties") or {}
        if kind in PLAIN_OF_STACKS:
            found.append(Resource(PLAIN_OF_STACKS[kind], name, {}))
        elif kind == "AWS::DynamoDB::Table":
            recovery = properties.get("PointInTimeRecoverySpecification") or {}
            is_on = is_true(recovery.get("PointInTimeRecoveryEnabled"))
            found.append(Resource("table", name, {"point_in_time_recovery": is_on}))
        elif kind == "AWS::S3::Bucket":
            versions = (properties.get("VersioningConfiguration") or {}).get("Status")
            settings = {
                "versions": versions == "Enabled",
                "replication": bool(properties.get("ReplicationConfiguration")),
            }
            found.append(Resource("bucket", name, settings))
        elif kind == "AWS::RDS::DBInstance":
            settings = {
                # CloudFormation keeps one day by default.
                "backup_days": int(properties.get("BackupRetentionPeriod", 1)),
                "multi_az": is_true(properties.get("MultiAZ")),
            }
            found.append(Resource("database", name, settings))
    return found


def is_true(value: Any) -> bool:
    """Return a boolean of CloudFormation, which may be a text."""
    return str(value).lower() == "true"
