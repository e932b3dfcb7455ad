"""Checks of Resilience Hub, for `test_gaps`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.emulator.end_to_end.executions import eventually, new

JsonObject = dict[str, Any]

OBJECTIVES = {"rtoInSecs": 14400, "rpoInSecs": 3600}
POLICY = dict.fromkeys(("Software", "Hardware", "AZ"), OBJECTIVES)
SECONDS = 10.0


def new_policy(client: Any) -> str:
    """Return the ARN of a new policy."""
    made = client.create_resiliency_policy(policyName=new("policy"), tier="Critical", policy=POLICY)
    return str(made["policy"]["policyArn"])


def resilience_policies(server: Any) -> bool:
    """Whether a policy is kept with its tags until it is deleted."""
    client = server.client("resiliencehub")
    arn = new_policy(client)
    client.tag_resource(resourceArn=arn, tags={"a": "b"})
    found = client.describe_resiliency_policy(policyArn=arn)["policy"]["policy"]
    tags = client.list_tags_for_resource(resourceArn=arn)["tags"]
    client.delete_resiliency_policy(policyArn=arn)
    left = client.list_resiliency_policies()["resiliencyPolicies"]
    return found == POLICY and tags == {"a": "b"} and arn not in [one["policyArn"] for one in left]


def new_app(server: Any) -> str:
    """Return the ARN of an application that a stack makes."""
    stack, formation = new("stack"), server.client("cloudformation")
    properties = {
        "Name": new("app"),
        "AppTemplateBody": "{}",
        "ResourceMappings": [],
        "ResiliencyPolicyArn": new_policy(server.client("resiliencehub")),
    }
    resource = {"Type": "AWS::ResilienceHub::App", "Properties": properties}
    formation.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(
            {
                "Resources": {"App": resource},
                "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["App", "AppArn"]}}},
            }
        ),
    )

    def outputs() -> Any:
        [found] = formation.describe_stacks(StackName=stack)["Stacks"]
        return found.get("Outputs")

    [output] = eventually(outputs, SECONDS)
    return str(output["OutputValue"])


def resilience_apps(server: Any) -> bool:
    """Whether a stack makes an application."""
    arn = new_app(server)
    app = server.client("resiliencehub").describe_app(appArn=arn)["app"]
    return bool(app["status"] == "Active" and app["policyArn"])


def resilience_assessments(server: Any) -> bool:
    """Whether a state file with versions of a bucket meets the policy, and one without does not."""
    s3, bucket = server.client("s3"), new("states")
    s3.create_bucket(Bucket=bucket)
    app = new_app(server)
    name = "pictures"
    versions = {
        "mode": "managed",
        "type": "aws_s3_bucket_versioning",
        "instances": [
            {"attributes": {"bucket": name, "versioning_configuration": [{"status": "Enabled"}]}}
        ],
    }
    plain = {
        "mode": "managed",
        "type": "aws_s3_bucket",
        "instances": [{"attributes": {"bucket": name}}],
    }
    for key, resources in (("safe", [plain, versions]), ("unsafe", [plain])):
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps({"resources": resources}))

    def assessed(key: str, *more: JsonObject) -> str:
        reading = {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        hub = server.client_with("resiliencehub", {"Action": "resiliencehub:*"}, reading, *more)
        hub.import_resources_to_draft_app_version(
            appArn=app,
            terraformSources=[{"s3StateFileUrl": f"s3://{bucket}/{key}"}],
            importStrategy="ReplaceAll",
        )
        shown = hub.describe_draft_app_version_resources_import_status
        eventually(lambda: shown(appArn=app)["status"] in ("Success", "Failed"), SECONDS)
        if (status := shown(appArn=app)["status"]) == "Failed":
            return str(status)
        hub.publish_app_version(appArn=app)
        made = hub.start_app_assessment(
            appArn=app, appVersion="release", assessmentName=new("assessment")
        )
        arn = made["assessment"]["assessmentArn"]

        def result() -> Any:
            return hub.describe_app_assessment(assessmentArn=arn)["assessment"].get(
                "complianceStatus"
            )

        return str(eventually(result, SECONDS))

    denied = {"Effect": "Deny", "Action": "s3:GetObject"}
    found = (assessed("safe"), assessed("unsafe"), assessed("safe", denied))
    return found == ("PolicyMet", "PolicyBreached", "Failed")


CHECKS: tuple[Callable[[Any], bool], ...] = (
    resilience_policies,
    resilience_apps,
    resilience_assessments,
)
