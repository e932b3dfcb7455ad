"""Everything that Terraform makes is guarded: rights, encryption, retention, dead letters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest

from ops.terraform.environments import Environment
from tests.support.bootstrap import (
    PLATFORM,
    boundary_arn,
    copy_bootstrap,
    plan_bootstrap,
    policies,
    role_names,
)
from tests.support.emulator import running_emulator
from tests.support.platform import FLOW, Platform
from tests.support.resources import POLICIES, Resource, Statement, as_list, of_type, statements
from tests.support.rules import RULES, UNKNOWN

#: Types whose policy is never written with the resource, so that AWS answers with none.
WITHOUT_POLICY = {"aws_api_gateway_rest_api", "aws_s3_bucket", "aws_secretsmanager_secret"}

#: APIs without a key, and why.
PUBLIC = {
    "lead-form-api": "who fills in a form has no key, and one in the page is everybody's",
    "user-onboarding-api": "who signs up has no key yet, and one in a page is everybody's",
    "article-publishing-api": "the CMS signs its requests instead, which the function checks",
}


@pytest.fixture(scope="session")
def boundaries_of(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], dict[str, list[Statement]]]]:
    """Return the statements of an environment's boundaries, by the boundary's name."""
    folder = tmp_path_factory.mktemp("boundaries")
    root = copy_bootstrap(folder)
    with running_emulator(folder) as settings:

        @cache
        def boundaries(name: str) -> dict[str, list[Statement]]:
            environment = Environment(name)
            flows = environment.variables["flows"]
            planned = policies(plan_bootstrap(root, environment, settings.endpoint, flows))
            return {
                policy: [Statement(policy, content) for content in document["Statement"]]
                for policy, document in planned.items()
                if policy.endswith("-boundary")
            }

        yield boundaries


def test_a_policy_is_known_before_it_is_made_unless_that_cannot_be(planned: list[Resource]) -> None:
    unknown = {
        re.sub(r'\["[^"]*"\]', "", resource.address)
        for resource in planned
        if resource.type not in WITHOUT_POLICY and resource.unknown & {*POLICIES}
    }

    assert unknown == set(UNKNOWN)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_policies_keep_the_rules(
    found: list[Resource], rule: Callable[[list[Resource]], None]
) -> None:
    rule(found)


def test_every_role_has_the_boundary_of_its_owner(found: list[Resource]) -> None:
    for role in of_type(found, "aws_iam_role"):
        name, account = role.values["name"], role.values["permissions_boundary"].split(":")[4]
        environment = Environment(name.split("-")[1])
        owner = role.values["tags_all"].get("flow", PLATFORM)
        assert role.values["permissions_boundary"] == boundary_arn(environment, owner)
        assert account == environment.account_id
        # The pipeline may make a role with this boundary only under one of these names.
        starts = [f"{environment.prefix}-{start}" for start in role_names(environment)[owner]]
        assert name.startswith(tuple(starts)), name


def test_every_policy_of_a_role_is_within_the_roles_boundary(
    found: list[Resource], boundaries_of: Callable[[str], dict[str, list[Statement]]]
) -> None:
    """IAM would refuse the rest, on AWS only once a flow needs it."""
    boundary_names = {
        role.values["name"]: role.values["permissions_boundary"].rpartition("/")[2]
        for role in of_type(found, "aws_iam_role")
    }
    checked = 0
    for policy in of_type(found, "aws_iam_role_policy"):
        role = policy.values["role"]
        boundary = boundaries_of(role.split("-")[1])[boundary_names[role]]
        for statement in statements([policy]):
            if not statement.is_allow:
                continue
            for action in statement.actions:
                for resource in statement.resources:
                    assert is_within(boundary, action, resource), (role, action, resource)
                    checked += 1
    assert checked > 50


def is_within(boundary: list[Statement], action: str, resource: str) -> bool:
    """Return whether a boundary allows an action on everything that a resource stands for."""

    def is_about(statement: Statement) -> bool:
        if not any(fnmatchcase(action, pattern) for pattern in statement.actions):
            return False
        if "NotResource" in statement.content:
            excluded = as_list(statement.content["NotResource"])
            return not any(fnmatchcase(resource, pattern) for pattern in excluded)
        return any(fnmatchcase(resource, pattern) for pattern in statement.resources)

    effects = {statement.is_allow for statement in boundary if is_about(statement)}
    return effects == {True}


def test_each_function_has_a_role_of_its_own(made: list[Resource]) -> None:
    roles = [function.values["role"] for function in of_type(made, "aws_lambda_function")]

    assert len(set(roles)) == len(roles)


def test_a_state_machine_reaches_tenants_data_by_their_roles_only(found: list[Resource]) -> None:
    roles = {role.values["name"] for role in of_type(found, "aws_iam_role")}
    for machine in of_type(found, "aws_sfn_state_machine"):
        module = machine.address.rpartition(".aws_sfn_state_machine")[0]
        policies = [s for s in statements(found) if s.address.startswith(f"{module}.aws_iam_role_")]
        actions = {action for s in policies for action in s.actions}
        if "tenant" not in machine.values["definition"]:
            assert "sts:AssumeRole" not in actions
            continue
        assert not [action for action in actions if action.startswith(("dynamodb:", "s3:"))]
        [assumed] = [s for s in policies if s.sid == "AssumeTaskRoles"]
        assert {arn.rpartition("/")[2] for arn in assumed.resources} <= roles


def test_tables_and_buckets_can_be_restored_and_are_private(found: list[Resource]) -> None:
    # Some environments have no table.
    for table in (resource for resource in found if resource.type == "aws_dynamodb_table"):
        assert table.values["point_in_time_recovery"][0]["enabled"] is True
    versioned = of_type(found, "aws_s3_bucket_versioning")
    assert all(v.values["versioning_configuration"][0]["status"] == "Enabled" for v in versioned)
    closed = of_type(found, "aws_s3_bucket_public_access_block")
    assert len(closed) == len(of_type(found, "aws_s3_bucket"))


def test_queues_are_encrypted_and_keep_messages_as_long_as_they_can(
    found: list[Resource],
) -> None:
    for queue in of_type(found, "aws_sqs_queue"):
        assert queue.values["sqs_managed_sse_enabled"] is True
        assert queue.values["message_retention_seconds"] == 14 * 24 * 3600


def test_queues_on_aws_refuse_connections_without_tls(planned: list[Resource]) -> None:
    for queue in of_type(planned, "aws_sqs_queue"):
        denied = [s for s in statements([queue]) if not s.is_allow]

        assert [s.content["Condition"] for s in denied] == [
            {"Bool": {"aws:SecureTransport": "false"}}
        ]


def test_every_log_is_kept_for_a_time_that_was_chosen(found: list[Resource]) -> None:
    for group in of_type(found, "aws_cloudwatch_log_group"):
        assert group.values["retention_in_days"] > 0


def test_an_event_that_cannot_be_delivered_has_a_place_to_go(found: list[Resource]) -> None:
    queues = [queue.values["name"] for queue in of_type(found, "aws_sqs_queue")]
    for target in of_type(found, "aws_cloudwatch_event_target"):
        [dead_letters] = target.values["dead_letter_config"]
        assert dead_letters["arn"].rpartition(":")[2] in queues
        [retry] = target.values["retry_policy"]
        assert retry["maximum_retry_attempts"] > 0


def test_a_rule_that_is_switched_off_is_drift(planned: list[Resource]) -> None:
    for rule in of_type(planned, "aws_cloudwatch_event_rule"):
        # A rule without a state of its own is planned with none, and takes what it finds.
        assert rule.values["state"] == "ENABLED"


def test_the_audit_log_tells_which_events_there_were_and_nothing_of_what_they_say(
    found: list[Resource],
) -> None:
    [archive] = of_type(found, "aws_cloudwatch_event_archive")
    [target] = [
        target
        for target in of_type(found, "aws_cloudwatch_event_target")
        if ":log-group:" in target.values["arn"]
    ]
    [group] = [
        group
        for group in of_type(found, "aws_cloudwatch_log_group")
        if target.values["arn"].endswith(f":log-group:{group.values['name']}")
    ]
    [rule] = [
        rule
        for rule in of_type(found, "aws_cloudwatch_event_rule")
        if rule.values["name"] == target.values["rule"]
    ]
    [transformer] = target.values["input_transformer"]
    filled = set(re.findall(r"<([^>]+)>", transformer["input_template"]))
    account = target.values["arn"].split(":")[4]

    assert json.loads(rule.values["event_pattern"]) == {"account": [account]}
    assert filled - {"aws.events.event.ingestion-time"} == set(transformer["input_paths"])
    assert not [path for path in transformer["input_paths"].values() if "detail." in path + "."]
    assert group.values["name"].startswith("/aws/events/")
    assert group.values["retention_in_days"] >= archive.values["retention_days"]


def test_every_queue_has_an_alarm(found: list[Resource]) -> None:
    watched = {
        (alarm.values.get("dimensions") or {}).get("QueueName")
        for alarm in of_type(found, "aws_cloudwatch_metric_alarm")
    }

    assert {queue.values["name"] for queue in of_type(found, "aws_sqs_queue")} <= watched


def test_functions_trace_log_json_and_hold_no_secret(found: list[Resource]) -> None:
    for function in of_type(found, "aws_lambda_function"):
        assert function.values["tracing_config"] == [{"mode": "Active"}]
        [logging] = function.values["logging_config"]
        assert logging["log_format"] == "JSON"
        assert function.values["publish"] is True


def test_state_machines_trace_and_log(found: list[Resource]) -> None:
    for machine in of_type(found, "aws_sfn_state_machine"):
        assert machine.values["tracing_configuration"] == [{"enabled": True}]
        [logging] = machine.values["logging_configuration"]
        assert logging["level"] == "ALL"


def test_an_api_limits_logs_and_needs_its_key_on_every_path(found: list[Resource]) -> None:
    for stage in of_type(found, "aws_api_gateway_stage"):
        assert stage.values["access_log_settings"]
        assert stage.values["xray_tracing_enabled"] is True
    for settings in of_type(found, "aws_api_gateway_method_settings"):
        [limits] = settings.values["settings"]
        assert limits["throttling_rate_limit"] > 0
        assert limits["throttling_burst_limit"] > 0
    for plan in of_type(found, "aws_api_gateway_usage_plan"):
        assert plan.values["quota_settings"]
        assert plan.values["throttle_settings"]
    apis = of_type(found, "aws_api_gateway_rest_api")
    assert len(of_type(found, "aws_api_gateway_method_settings")) == len(apis)
    for api in apis:
        document = json.loads(api.values["body"])
        name = api.values["name"].split("-", 2)[2]
        for path in document["paths"].values():
            for operation in path.values():
                assert operation["security"] == ([] if name in PUBLIC else [{"api_key": []}])


def test_a_site_is_private_encrypted_and_versioned(found: list[Resource]) -> None:
    buckets = {bucket.values["bucket"] for bucket in of_type(found, "aws_s3_bucket")}
    for kind, attribute, wanted in (
        ("aws_s3_bucket_versioning", "versioning_configuration", '"status": "Enabled"'),
        (
            "aws_s3_bucket_server_side_encryption_configuration",
            "rule",
            '"sse_algorithm": "AES256"',
        ),
    ):
        settings = of_type(found, kind)
        assert len(settings) == len(buckets)
        assert all(wanted in json.dumps(s.values[attribute]) for s in settings)
    blocks = of_type(found, "aws_s3_bucket_public_access_block")
    assert len(blocks) == len(buckets)
    for block in blocks:
        for name in ("block_public_acls", "block_public_policy", "ignore_public_acls"):
            assert block.values[name] is True
        assert block.values["restrict_public_buckets"] is True


def test_a_bucket_of_a_site_is_read_by_its_distribution_alone(made: list[Resource]) -> None:
    [site] = of_type(made, "aws_cloudfront_distribution")
    files = {file.values["key"] for file in of_type(made, "aws_s3_object")}
    [policy] = [
        policy
        for policy in of_type(made, "aws_s3_bucket_policy")
        if "lead-form" in policy.values["bucket"]
    ]
    [statement] = [found for found in statements([policy]) if found.content["Effect"] == "Allow"]

    assert statement.actions == ["s3:GetObject"]
    assert {resource.partition("/")[2] for resource in statement.resources} == files
    assert statement.content["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    condition = {"StringEquals": {"aws:SourceArn": site.values["arn"]}}
    assert statement.content["Condition"] == condition


def test_a_site_is_served_over_tls_only(found: list[Resource]) -> None:
    for site in of_type(found, "aws_cloudfront_distribution"):
        [pages] = site.values["default_cache_behavior"]
        [api] = site.values["ordered_cache_behavior"]
        [origin] = [o for o in site.values["origin"] if o["origin_id"] == "api"]

        assert pages["viewer_protocol_policy"] == "redirect-to-https"
        assert api["viewer_protocol_policy"] == "https-only"
        assert origin["custom_origin_config"][0]["origin_protocol_policy"] == "https-only"
        assert pages["compress"] is True


def test_names_and_tags_tell_what_a_thing_belongs_to(stage: str, planned: list[Resource]) -> None:
    for resource in planned:
        tags = resource.values.get("tags_all")
        if tags:
            assert {"project": "flowbridge", "environment": stage}.items() <= tags.items()
        name = resource.values.get("name")
        if resource.type in ("aws_lambda_function", "aws_sqs_queue", "aws_iam_role"):
            name = resource.values.get("function_name", name)
            assert str(name).startswith(f"flowbridge-{stage}-")


def test_no_secret_is_in_the_state_the_plan_or_the_outputs(
    platform: Platform, state: dict[str, Any]
) -> None:
    secrets = platform.aws.client("secretsmanager")
    values = [platform.api_key()]
    for secret in secrets.list_secrets()["SecretList"]:
        text = secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"]
        values += [json.loads(text)["password"]] if text.startswith("{") else [text]
    bucket = "flowbridge-local-state-000000000000"
    raw = platform.aws.client("s3").get_object(Bucket=bucket, Key="flowbridge.tfstate")
    plan = platform.run("make", "plan").text
    texts = {
        "state": raw["Body"].read().decode(),
        "shown state": json.dumps(state),
        "plan": plan,
        "outputs": json.dumps(platform.outputs),
    }

    assert len(values) >= 3
    assert "aws_secretsmanager_secret" in texts["state"]
    leaks = [name for name, text in texts.items() for value in values if value in text]
    assert leaks == []
    assert platform.outputs["flows"][FLOW]["apis"]["crm"]["api_key_secret_arn"] in texts["state"]
