"""Everything that Terraform makes is guarded: rights, encryption, retention, dead letters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from ops.terraform.definition import all_states
from ops.terraform.environments import Environment
from tests.support.platform import FLOW, Platform
from tests.support.resources import (
    POLICIES,
    JsonObject,
    Resource,
    Statement,
    as_list,
    of_type,
    statements,
)

#: Policies that Terraform does not know before it applies, and why. The promotion story reads them.
UNKNOWN = {
    "module.crm_registration.module.migrate.aws_iam_role_policy.this": (
        "RDS names the administrator's secret, and KMS its key"
    ),
    "module.crm_registration.module.api_key_issuer.aws_iam_role_policy.this": (
        "API Gateway chooses the usage plan's identifier"
    ),
    "module.lead_form.module.site.module.bucket.aws_s3_bucket_policy.this": (
        "CloudFront chooses the distribution's identifier"
    ),
}
#: Types whose policy is never written with the resource, so that AWS answers with none.
WITHOUT_POLICY = {"aws_api_gateway_rest_api", "aws_s3_bucket", "aws_secretsmanager_secret"}

#: Statements whose resource has a wildcard in it, and why there is nothing narrower.
WIDE = {
    "WriteTraces": "X-Ray has no resources to name",
    "DeliverLog": "log delivery has no resources to name",
    "WriteOwnLogs": "Lambda names the streams of the function's own group as it goes",
    "AttachToNetwork": "Lambda asks for it before the network interface exists",
    "RemoveKeys": "API Gateway chooses a key's identifier when the key is made",
    "AdministerKey": "in a key's policy, this is the key",
    "EncryptAlarms": "in a key's policy, this is the key",
    "UseThroughServices": "in a key's policy, this is the key",
    "GrantToServices": "in a key's policy, this is the key",
    "OnlyThisAccount": "an endpoint's policy says of what account things are; roles say which",
    "WriteFlowLog": "the VPC names the streams of its own group as it goes",
    "FindLogGroup": "the action lists the account's groups",
    "KeepOwnSpaces": "a tenant's role reaches every object below the tenant's own prefix",
    "CreateAuditStreams": "EventBridge names the streams of the audit's own group as it goes",
    "WriteAudit": "EventBridge names the streams of the audit's own group as it goes",
}


TABLE = "arn:aws:dynamodb:{place}:table/{TableName}"
#: What a state needs for its integration: the rights, and on what, made of the state's arguments
#: (https://docs.aws.amazon.com/service-authorization/latest/reference/).
NEEDED = {
    "lambda:invoke": (["lambda:InvokeFunction"], ["{FunctionName}"]),
    "dynamodb:getItem": (["dynamodb:GetItem"], [TABLE]),
    "dynamodb:putItem": (["dynamodb:PutItem"], [TABLE]),
    "dynamodb:updateItem": (["dynamodb:UpdateItem"], [TABLE]),
    "dynamodb:deleteItem": (["dynamodb:DeleteItem"], [TABLE]),
    "aws-sdk:s3:putObject": (["s3:PutObject"], ["arn:aws:s3:::{Bucket}/*"]),
    "aws-sdk:s3:deleteObject": (["s3:DeleteObject"], ["arn:aws:s3:::{Bucket}/*"]),
    "aws-sdk:sesv2:sendEmail": (
        # The second one for the template.
        ["ses:SendEmail", "ses:SendTemplatedEmail"],
        [
            "arn:aws:ses:{place}:identity/{domain}",
            "arn:aws:ses:{place}:configuration-set/{ConfigurationSetName}",
            "arn:aws:ses:{place}:template/{TemplateName}",
        ],
    ),
}
#: What every state machine may do beside its calls.
OF_EVERY_STATE_MACHINE = {"DeliverLog", "WriteTraces"}

#: APIs without a key, and why.
PUBLIC = {
    "lead-form-api": "who fills in a form has no key, and one in the page is everybody's",
    "user-onboarding-api": "who signs up has no key yet, and one in a page is everybody's",
    "article-publishing-api": "the CMS signs its requests instead, which the function checks",
}


def test_a_policy_is_known_before_it_is_made_unless_that_cannot_be(planned: list[Resource]) -> None:
    unknown = {
        re.sub(r'\["[^"]*"\]', "", resource.address)
        for resource in planned
        if resource.type not in WITHOUT_POLICY and resource.unknown & {*POLICIES}
    }

    assert unknown == set(UNKNOWN)


def test_no_policy_allows_a_wildcard_of_actions(found: list[Resource]) -> None:
    wild = [
        (statement.address, action)
        for statement in statements(found)
        if statement.is_allow
        for action in statement.actions
        if "*" in action
    ]

    assert wild == []


def test_a_wildcard_of_resources_is_there_for_a_reason_only(found: list[Resource]) -> None:
    wide = {
        statement.sid
        for statement in statements(found)
        if statement.is_allow
        for resource in statement.resources
        # Secrets Manager adds six characters to a secret's name.
        if re.search(r"[*?]", resource.removesuffix("-??????"))
    }

    assert wide <= set(WIDE)
    for statement in statements(found):
        if statement.sid == "WriteOwnLogs":
            [resource] = statement.resources
            assert re.fullmatch(r"arn:aws:logs:[^*]+:log-group:/aws/lambda/[^*]+:\*", resource)


def test_nobody_but_a_service_with_a_condition_is_let_in_by_a_resource_policy(
    found: list[Resource],
) -> None:
    for statement in statements(found):
        principal = statement.content.get("Principal")
        if not statement.is_allow or principal is None:
            continue
        if statement.sid == "AdministerKey":
            # Leaves it to the account's own policies who administers the key; nobody else could.
            assert re.fullmatch(r"arn:aws:iam::[0-9]{12}:root", principal["AWS"]), statement
            assert not {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"} & {*statement.actions}
            continue
        if statement.sid in ("UseThroughServices", "GrantToServices"):
            # The account's policies say who may ask these services; nobody uses the key directly.
            assert re.fullmatch(r"arn:aws:iam::[0-9]{12}:root", principal["AWS"]), statement
            services = statement.content["Condition"]["StringEquals"]["kms:ViaService"]
            assert {name.partition(".")[0] for name in services} == {"rds", "secretsmanager"}
            continue
        if statement.sid == "AssumedByTheStateMachine" and "AWS" in principal:
            # A tenant's role, which one role of the account may take on and no other.
            assert re.fullmatch(r"arn:aws:iam::[0-9]{12}:root", principal["AWS"]), statement
            [caller] = as_list(statement.content["Condition"]["ArnEquals"]["aws:PrincipalArn"])
            assert re.fullmatch(r"arn:aws:iam::[0-9]{12}:role/[a-z0-9-]+", caller), statement
            continue
        if statement.sid == "OnlyThisAccount":
            # A gate on the way, which lets in nobody whom a role does not.
            conditions = statement.content["Condition"]["StringEquals"]
            assert set(conditions) == {"aws:PrincipalAccount", "aws:ResourceAccount"}
            continue
        assert set(principal) == {"Service"}, statement
        if statement.sid == "CreateAuditStreams":
            # EventBridge does not say for which rule it makes a stream, which is empty.
            assert statement.actions == ["logs:CreateLogStream"]
            continue
        if as_list(principal["Service"]) != ["lambda.amazonaws.com"]:
            conditions = json.dumps(statement.content["Condition"])
            assert "aws:SourceArn" in conditions, statement


def test_every_role_has_the_boundary_of_its_environment(found: list[Resource]) -> None:
    for role in of_type(found, "aws_iam_role"):
        name, account = role.values["name"], role.values["permissions_boundary"].split(":")[4]
        environment = name.split("-")[1]
        boundary = f"policy/bootstrap/flowbridge-{environment}-boundary"
        assert role.values["permissions_boundary"] == f"arn:aws:iam::{account}:{boundary}"
        assert account == Environment(environment).account_id


def test_each_function_has_a_role_of_its_own(made: list[Resource]) -> None:
    roles = [function.values["role"] for function in of_type(made, "aws_lambda_function")]

    assert len(set(roles)) == len(roles)


def test_the_state_machine_may_call_exactly_what_it_calls(found: list[Resource]) -> None:
    for machine in of_type(found, "aws_sfn_state_machine"):
        module = machine.address.rpartition(".aws_sfn_state_machine")[0]
        rights = [s for s in statements(found) if s.address.startswith(f"{module}.aws_iam_role_p")]
        needed = needed_by(machine)
        own = needed.pop("")

        assert own
        assert pairs(s for s in rights if s.sid not in OF_EVERY_STATE_MACHINE) == own | {
            ("sts:AssumeRole", role) for role in needed
        }
        for role, calls in needed.items():
            name = role.rpartition("/")[2]
            policies = of_type(found, "aws_iam_role_policy")
            allowed = pairs(statements(p for p in policies if p.values["role"] == name))
            # Of the spaces, it reaches its tenant's own only.
            own_space = f"/{name.partition('-tenant-')[2]}/*"
            assert {(action, arn.replace(own_space, "/*")) for action, arn in allowed} == calls


def test_a_tenants_role_reaches_that_tenant_only(found: list[Resource]) -> None:
    # Some environments have no flow with tenants.
    roles = [r for r in of_type(found, "aws_iam_role_policy") if "-tenant-" in r.values["role"]]
    for role in roles:
        tenant = role.values["role"].partition("-tenant-")[2]
        rights = {s.sid: s for s in statements([role])}
        assert set(rights) == {"KeepOwnUsers", "KeepOwnSpaces"}
        assert rights["KeepOwnUsers"].content["Condition"] == {
            "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": tenant}
        }
        # A request without a key would meet the condition.
        assert not {"dynamodb:Scan", "dynamodb:PartiQLSelect"} & {*rights["KeepOwnUsers"].actions}
        [prefix] = rights["KeepOwnSpaces"].resources
        assert prefix.endswith(f"/{tenant}/*")


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
    assert platform.outputs["api_key_secret_arns"][FLOW] in texts["state"]


def needed_by(machine: Resource) -> dict[str, set[tuple[str, str]]]:
    """Return the rights that a definition's tasks need, with their resources, by the role's ARN.

    Those of the tasks that name no role, which the state machine's own has, stand under no name.
    """
    environment = Environment(machine.values["name"].split("-")[1])
    needed: dict[str, set[tuple[str, str]]] = {"": set()}
    for name, state in all_states(json.loads(machine.values["definition"])):
        if state["Type"] != "Task":
            continue
        integration = state["Resource"].removeprefix("arn:aws:states:::")
        assert integration in NEEDED, f"{name} calls {integration}: say above what that needs"
        actions, patterns = NEEDED[integration]
        arguments: JsonObject = state["Arguments" if "Arguments" in state else "Parameters"]
        names = {
            **arguments,
            **arguments.get("Content", {}).get("Template", {}),
            "place": f"{environment.region}:{environment.account_id}",
            "domain": arguments.get("FromEmailAddress", "").partition("@")[2].removesuffix(">"),
        }
        roles = re.findall(r"arn:[^']+", state.get("Credentials", {}).get("RoleArn", "")) or [""]
        for role in roles:
            needed.setdefault(role, set()).update(
                (action, pattern.format(**names)) for action in actions for pattern in patterns
            )
    return needed


def pairs(found: Iterable[Statement]) -> set[tuple[str, str]]:
    """Return what statements allow: each action with each resource."""
    return {
        (action, arn) for s in found if s.is_allow for action in s.actions for arn in s.resources
    }


#: What the promotion story asks of the policies of an environment with RDS, once they are made.
RULES = (
    test_no_policy_allows_a_wildcard_of_actions,
    test_a_wildcard_of_resources_is_there_for_a_reason_only,
    test_nobody_but_a_service_with_a_condition_is_let_in_by_a_resource_policy,
    test_the_state_machine_may_call_exactly_what_it_calls,
    test_a_tenants_role_reaches_that_tenant_only,
)
