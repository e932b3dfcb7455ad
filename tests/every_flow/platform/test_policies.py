"""Everything that Terraform makes is guarded: rights, encryption, retention, dead letters."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest

from ops.new_flow import flow_folders
from ops.settings import LOCAL, REPOSITORY
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
from tests.support.flows import active, all_expectations, chosen, with_own_environment
from tests.support.platform import STATE_KEY
from tests.support.plugins.terraform import Found
from tests.support.resources import (
    POLICIES,
    Resource,
    Statement,
    as_list,
    of_type,
    resources,
    statements,
)
from tests.support.rules import RULES, UNKNOWN
from tests.support.running import RunningFlow

#: Types whose policy is never written with the resource, so that AWS answers with none.
WITHOUT_POLICY = {"aws_api_gateway_rest_api", "aws_s3_bucket", "aws_secretsmanager_secret"}

#: APIs without a key, and why.
PUBLIC = {name: why for one in all_expectations().values() for name, why in one.public_apis.items()}


def flows_of(environment: Environment) -> set[str]:
    """Return the flows of an environment, with those that run in one of their own."""
    own = with_own_environment() if environment.name == LOCAL else []
    return {*environment.variables["flows"], *own, *([chosen()] if chosen() else [])}


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
            flows = flows_of(environment)
            planned = policies(plan_bootstrap(root, environment, settings.endpoint, flows))
            return {
                policy: [Statement(policy, content) for content in document["Statement"]]
                for policy, document in planned.items()
                if policy.endswith("-boundary")
            }

        yield boundaries


@pytest.fixture
def shown(
    request: pytest.FixtureRequest,
    environment: list[RunningFlow],
    state_by: Callable[[str], dict[str, Any]],
) -> dict[str, Any]:
    """The environment's state, as Terraform shows it."""
    return state_by(request.node.callspec.params["environment"])


def test_a_policy_is_known_before_it_is_made_unless_that_cannot_be(
    planned: Found, stage: str
) -> None:
    unknown = {
        re.sub(r'\["[^"]*"\]', "", resource.address)
        for resource in planned
        if resource.type not in WITHOUT_POLICY and resource.unknown & {*POLICIES}
    }

    absent = {*flow_folders(REPOSITORY)} - {*active(stage)}
    assert unknown == {name for name in UNKNOWN if name.split(".")[1] not in absent}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_policies_keep_the_rules(found: Found, rule: Callable[[list[Resource]], None]) -> None:
    rule(found)


def test_every_role_has_the_boundary_of_its_owner(found: Found) -> None:
    for role in found.of_type("aws_iam_role"):
        name, account = role.values["name"], role.values["permissions_boundary"].split(":")[4]
        environment = Environment(name.split("-")[1])
        owner = role.values["tags_all"].get("flow", PLATFORM)
        assert role.values["permissions_boundary"] == boundary_arn(environment, owner)
        assert account == environment.account_id
        # The pipeline may make a role with this boundary only under one of these names.
        starts = [
            f"{environment.prefix}-{start}"
            for start in role_names(environment, flows_of(environment))[owner]
        ]
        assert name.startswith(tuple(starts)), name


def test_every_policy_of_a_role_is_within_the_roles_boundary(
    found: Found, boundaries_of: Callable[[str], dict[str, list[Statement]]]
) -> None:
    """IAM would refuse the rest, on AWS only once a flow needs it."""
    boundary_names = {
        role.values["name"]: role.values["permissions_boundary"].rpartition("/")[2]
        for role in found.of_type("aws_iam_role")
    }
    checked = 0
    for policy in found.of_type("aws_iam_role_policy"):
        role = policy.values["role"]
        boundary = boundaries_of(role.split("-")[1])[boundary_names[role]]
        for statement in statements([policy]):
            if not statement.is_allow:
                continue
            for action in statement.actions:
                for resource in statement.resources:
                    assert is_within(boundary, action, resource), (role, action, resource)
                    checked += 1
    assert checked > (50 if found.whole else 0)


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


def test_each_function_has_a_role_of_its_own(shown: dict[str, Any]) -> None:
    made = resources(shown["values"]["root_module"])
    roles = [function.values["role"] for function in of_type(made, "aws_lambda_function")]

    assert len(set(roles)) == len(roles)


def test_a_state_machine_reaches_tenants_data_by_their_roles_only(found: Found) -> None:
    roles = {role.values["name"] for role in found.of_type("aws_iam_role")}
    for machine in found.of_type("aws_sfn_state_machine"):
        module = machine.address.rpartition(".aws_sfn_state_machine")[0]
        policies = [s for s in statements(found) if s.address.startswith(f"{module}.aws_iam_role_")]
        actions = {action for s in policies for action in s.actions}
        if "tenant" not in machine.values["definition"]:
            assert "sts:AssumeRole" not in actions
            continue
        assert not [action for action in actions if action.startswith(("dynamodb:", "s3:"))]
        [assumed] = [s for s in policies if s.sid == "AssumeTaskRoles"]
        assert {arn.rpartition("/")[2] for arn in assumed.resources} <= roles


def test_tables_and_buckets_can_be_restored_and_are_private(found: Found) -> None:
    # Some environments have no table.
    for table in (resource for resource in found if resource.type == "aws_dynamodb_table"):
        assert table.values["point_in_time_recovery"][0]["enabled"] is True
    versioned = found.of_type("aws_s3_bucket_versioning")
    assert all(v.values["versioning_configuration"][0]["status"] == "Enabled" for v in versioned)
    closed = found.of_type("aws_s3_bucket_public_access_block")
    assert len(closed) == len(found.of_type("aws_s3_bucket"))


def test_queues_are_encrypted_and_keep_messages_as_long_as_they_can(
    found: Found,
) -> None:
    for queue in found.of_type("aws_sqs_queue"):
        assert queue.values["sqs_managed_sse_enabled"] is True
        assert queue.values["message_retention_seconds"] == 14 * 24 * 3600


def test_queues_on_aws_refuse_connections_without_tls(planned: Found) -> None:
    for queue in planned.of_type("aws_sqs_queue"):
        denied = [s for s in statements([queue]) if not s.is_allow]

        assert [s.content["Condition"] for s in denied] == [
            {"Bool": {"aws:SecureTransport": "false"}}
        ]


def test_every_log_is_kept_for_a_time_that_was_chosen(found: Found) -> None:
    for group in found.of_type("aws_cloudwatch_log_group"):
        assert group.values["retention_in_days"] > 0


def test_an_event_that_cannot_be_delivered_has_a_place_to_go(found: Found) -> None:
    queues = [queue.values["name"] for queue in found.of_type("aws_sqs_queue")]
    for target in found.of_type("aws_cloudwatch_event_target"):
        if target.address.startswith("module.canary_guard"):
            # A call that comes late is of no use.
            continue
        [dead_letters] = target.values["dead_letter_config"]
        assert dead_letters["arn"].rpartition(":")[2] in queues
        [retry] = target.values["retry_policy"]
        assert retry["maximum_retry_attempts"] > 0


def test_a_rule_that_is_switched_off_is_drift(planned: Found) -> None:
    for rule in planned.of_type("aws_cloudwatch_event_rule"):
        # A rule without a state of its own is planned with none, and takes what it finds.
        assert rule.values["state"] == "ENABLED"


def test_the_audit_log_tells_which_events_there_were_and_nothing_of_what_they_say(
    found: Found,
) -> None:
    [archive] = found.of_type("aws_cloudwatch_event_archive")
    [target] = [
        target
        for target in found.of_type("aws_cloudwatch_event_target")
        if ":log-group:" in target.values["arn"]
    ]
    [group] = [
        group
        for group in found.of_type("aws_cloudwatch_log_group")
        if target.values["arn"].endswith(f":log-group:{group.values['name']}")
    ]
    [rule] = [
        rule
        for rule in found.of_type("aws_cloudwatch_event_rule")
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


def test_every_queue_has_an_alarm(found: Found) -> None:
    watched = {
        (alarm.values.get("dimensions") or {}).get("QueueName")
        for alarm in found.of_type("aws_cloudwatch_metric_alarm")
    }

    assert {queue.values["name"] for queue in found.of_type("aws_sqs_queue")} <= watched


def test_functions_trace_log_json_and_hold_no_secret(found: Found) -> None:
    for function in found.of_type("aws_lambda_function"):
        assert function.values["tracing_config"] == [{"mode": "Active"}]
        [logging] = function.values["logging_config"]
        assert logging["log_format"] == "JSON"
        assert function.values["publish"] is True


def test_state_machines_trace_and_log(found: Found) -> None:
    for machine in found.of_type("aws_sfn_state_machine"):
        assert machine.values["tracing_configuration"] == [{"enabled": True}]
        [logging] = machine.values["logging_configuration"]
        assert logging["level"] == "ALL"


def test_an_api_limits_logs_and_needs_its_key_on_every_path(found: Found) -> None:
    for stage in found.of_type("aws_api_gateway_stage"):
        assert stage.values["access_log_settings"]
        assert stage.values["xray_tracing_enabled"] is True
    for settings in found.of_type("aws_api_gateway_method_settings"):
        [limits] = settings.values["settings"]
        assert limits["throttling_rate_limit"] > 0
        assert limits["throttling_burst_limit"] > 0
    for plan in found.of_type("aws_api_gateway_usage_plan"):
        # The platform's own callers must not be refused for the rest of a month.
        assert plan.values["quota_settings"] == []
        assert plan.values["throttle_settings"]
    apis = found.of_type("aws_api_gateway_rest_api")
    assert len(found.of_type("aws_api_gateway_method_settings")) == len(apis)
    for api in apis:
        document = json.loads(api.values["body"])
        name = api.values["name"].split("-", 2)[2]
        # API Gateway chooses the address.
        assert "servers" not in document
        for path in document["paths"].values():
            for operation in path.values():
                # A scheme that API Gateway does not know would make it ask for a key.
                assert operation["security"] == ([] if name in PUBLIC else [requirement(document)])


def requirement(document: dict[str, Any]) -> dict[str, list[str]]:
    """Return what an API with one scheme asks for: its key, or a signature."""
    [(name, scheme)] = document["components"]["securitySchemes"].items()
    is_key = scheme["name"] == "x-api-key"
    assert is_key or scheme["x-amazon-apigateway-authtype"] == "awsSigv4"
    return {name: []}


def test_a_site_is_private_encrypted_and_versioned(found: Found) -> None:
    buckets = {bucket.values["bucket"] for bucket in found.of_type("aws_s3_bucket")}
    for kind, attribute, wanted in (
        ("aws_s3_bucket_versioning", "versioning_configuration", '"status": "Enabled"'),
        (
            "aws_s3_bucket_server_side_encryption_configuration",
            "rule",
            '"sse_algorithm": "AES256"',
        ),
    ):
        settings = found.of_type(kind)
        assert len(settings) == len(buckets)
        assert all(wanted in json.dumps(s.values[attribute]) for s in settings)
    blocks = found.of_type("aws_s3_bucket_public_access_block")
    assert len(blocks) == len(buckets)
    for block in blocks:
        for name in ("block_public_acls", "block_public_policy", "ignore_public_acls"):
            assert block.values[name] is True
        assert block.values["restrict_public_buckets"] is True


def test_a_site_is_served_over_tls_only(found: Found) -> None:
    for site in found.of_type("aws_cloudfront_distribution"):
        [pages] = site.values["default_cache_behavior"]
        [api] = site.values["ordered_cache_behavior"]
        [origin] = [o for o in site.values["origin"] if o["origin_id"] == "api"]

        assert pages["viewer_protocol_policy"] == "redirect-to-https"
        assert api["viewer_protocol_policy"] == "https-only"
        assert origin["custom_origin_config"][0]["origin_protocol_policy"] == "https-only"
        assert pages["compress"] is True


def test_names_and_tags_tell_what_a_thing_belongs_to(stage: str, planned: Found) -> None:
    for resource in planned:
        tags = resource.values.get("tags_all")
        if tags:
            assert {"project": "flowbridge", "environment": stage}.items() <= tags.items()
        name = resource.values.get("name")
        if resource.type in ("aws_lambda_function", "aws_sqs_queue", "aws_iam_role"):
            name = resource.values.get("function_name", name)
            assert str(name).startswith(f"flowbridge-{stage}-")


def test_no_secret_is_in_the_state_the_plan_or_the_outputs(
    environment: list[RunningFlow], shown: dict[str, Any]
) -> None:
    platform = environment[0]
    secrets = platform.aws.client("secretsmanager")
    values = []
    for secret in secrets.list_secrets()["SecretList"]:
        text = secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"]
        fields = json.loads(text) if text.startswith("{") else {"password": text}
        values.append(fields.get("password") or fields["key"])
    bucket = platform.terraform.environment.state_bucket
    raw = platform.aws.client("s3").get_object(Bucket=bucket, Key=STATE_KEY)
    plan = platform.run("make", "plan").text
    texts = {
        "state": raw["Body"].read().decode(),
        "shown state": json.dumps(shown),
        "plan": plan,
        "outputs": json.dumps(platform.outputs),
    }

    assert "aws_sfn_state_machine" in texts["state"]
    leaks = [name for name, text in texts.items() for value in values if value in text]
    assert leaks == []
    # Secrets that Terraform makes are in the state without their values.
    arns = [
        api["api_key_secret_arn"]
        for flow in environment
        for api in flow.output.get("apis", {}).values()
        if api.get("api_key_secret_arn")
    ]
    assert len(arns) == texts["state"].count('"type": "aws_api_gateway_usage_plan"')
    assert len(values) > len(arns)
    assert [arn for arn in arns if arn not in texts["state"]] == []
