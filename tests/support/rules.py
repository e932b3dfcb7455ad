"""Rules that the policies of every environment keep, planned or made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from ops.terraform.definition import all_states
from ops.terraform.environments import Environment
from tests.support.flows import all_expectations
from tests.support.resources import JsonObject, Resource, Statement, as_list, of_type, statements

#: Policies that Terraform does not know before it applies, and why. The promotion story reads them.
UNKNOWN = {
    f"module.{flow}.{address}": reason
    for flow, expected in all_expectations().items()
    for address, reason in expected.unknown_policies.items()
}

#: Statements whose resource has a wildcard in it, and why there is nothing narrower.
WIDE = {
    "WriteTraces": "X-Ray has no resources to name",
    "DeliverLog": "log delivery has no resources to name",
    "WriteOwnLogs": "Lambda names the streams of the function's own group as it goes",
    "AttachToNetwork": "Lambda asks for it before the network interface exists",
    "AdministerKey": "in a key's policy, this is the key",
    "EncryptAlarms": "in a key's policy, this is the key",
    "UseThroughServices": "in a key's policy, this is the key",
    "GrantToServices": "in a key's policy, this is the key",
    "OnlyThisAccount": "an endpoint's policy says of what account things are; roles say which",
    "ReadStream": "DynamoDB names the stream of a table by the time at which it is made",
    **dict.fromkeys(
        ("FollowMapChildren", "RedriveMapChildren"),
        "Step Functions chooses the names of the children of a Map",
    ),
    "WriteFlowLog": "the VPC names the streams of its own group as it goes",
    "FindLogGroup": "the action lists the account's groups",
    "CreateAuditStreams": "EventBridge names the streams of the audit's own group as it goes",
    "WriteAudit": "EventBridge names the streams of the audit's own group as it goes",
    **dict.fromkeys(
        ("ReadFunctions", "RevertFunctions", "ReadErrors"),
        "a release, which the canary guard reverts, changes any function of the environment",
    ),
    **dict.fromkeys(
        ("ReadStateMachines", "RevertStateMachines", "ReadFailedExecutions"),
        "a release, which the canary guard reverts, changes any state machine of the environment",
    ),
    **{
        name: why for expected in all_expectations().values() for name, why in expected.wide.items()
    },
}


TABLE = "arn:aws:dynamodb:{place}:table/{TableName}"
CATALOG = [
    "arn:aws:glue:{place}:catalog",
    "arn:aws:glue:{place}:database/{DatabaseName}",
    "arn:aws:glue:{place}:table/{DatabaseName}/*",
]
#: Calls that follow a run of DataBrew.
FOLLOWED = ("DescribeJobRun", "ListJobRuns", "StopJobRun")
#: The rights of a state's integration, and their resources, derived from the state's arguments
#: (https://docs.aws.amazon.com/service-authorization/latest/reference/).
NEEDED = {
    "lambda:invoke": (["lambda:InvokeFunction"], ["{FunctionName}"]),
    "states:startExecution.sync:2": (
        ["states:StartExecution"],
        ["arn:aws:states:{place}:stateMachine:{machine}"],
    ),
    "batch:submitJob.sync": (
        ["batch:SubmitJob"],
        ["{JobQueue}", "{JobDefinition}", "{JobDefinition}:*"],
    ),
    "lambda:invoke.waitForTaskToken": (["lambda:InvokeFunction"], ["{FunctionName}"]),
    # Of the state machine whose task has the token (docs/decisions/0009).
    "aws-sdk:sfn:sendTaskFailure": (
        ["states:SendTaskFailure"],
        ["arn:aws:states:{place}:stateMachine:{parent}"],
    ),
    "dynamodb:getItem": (["dynamodb:GetItem"], [TABLE]),
    "dynamodb:putItem": (["dynamodb:PutItem"], [TABLE]),
    "dynamodb:updateItem": (["dynamodb:UpdateItem"], [TABLE]),
    "dynamodb:deleteItem": (["dynamodb:DeleteItem"], [TABLE]),
    "aws-sdk:sqs:getQueueAttributes": (["sqs:GetQueueAttributes"], ["arn:aws:sqs:{place}:{queue}"]),
    # A transaction needs the rights of its parts.
    "aws-sdk:dynamodb:transactWriteItems": (["dynamodb:UpdateItem"], [TABLE]),
    "apigateway:invoke": (["execute-api:Invoke"], ["{methods}"]),
    "aws-sdk:s3:putObject": (["s3:PutObject"], ["arn:aws:s3:::{Bucket}/*"]),
    "aws-sdk:s3:deleteObject": (["s3:DeleteObject"], ["arn:aws:s3:::{Bucket}/*"]),
    "aws-sdk:dynamodb:putItem.waitForTaskToken": (["dynamodb:PutItem"], [TABLE]),
    "events:putEvents": (["events:PutEvents"], ["arn:aws:events:{place}:event-bus/{bus}"]),
    # AWS chooses the identifier of a number.
    "aws-sdk:pinpointsmsvoicev2:sendTextMessage": (
        ["sms-voice:SendTextMessage"],
        ["arn:aws:sms-voice:{place}:phone-number/*"],
    ),
    "aws-sdk:s3:listObjectsV2": (["s3:ListBucket"], ["arn:aws:s3:::{Bucket}"]),
    "aws-sdk:appflow:describeFlow": (
        ["appflow:DescribeFlow"],
        ["arn:aws:appflow:{place}:flow/{FlowName}"],
    ),
    **{
        f"aws-sdk:glue:{action[0].lower()}{action[1:]}": ([f"glue:{action}"], CATALOG)
        for action in (
            "GetTable",
            "CreateTable",
            "UpdateTable",
            "CreatePartition",
            "UpdatePartition",
        )
    },
    "athena:startQueryExecution.sync": (
        [f"athena:{action}QueryExecution" for action in ("Start", "Get", "Stop")],
        ["arn:aws:athena:{place}:workgroup/{WorkGroup}"],
    ),
    **{
        f"aws-sdk:glue:{action[0].lower()}{action[1:]}": (
            [f"glue:{action}"],
            ["arn:aws:glue:{place}:crawler/{Name}"],
        )
        for action in ("StartCrawler", "GetCrawler", "StopCrawler")
    },
    # No narrower resource than all: the flow gives the right itself.
    "aws-sdk:glue:listCrawlers": ([], []),
    "sns:publish": (["sns:Publish"], ["{TopicArn}"]),
    "databrew:startJobRun.sync": (
        [f"databrew:{action}" for action in ("StartJobRun", *FOLLOWED)],
        ["arn:aws:databrew:{place}:job/{Name}"],
    ),
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
#: Rights of an integration for something else than its target.
FURTHER = {
    "batch:submitJob.sync": [
        (["batch:DescribeJobs"], ["*"]),
        (["batch:TerminateJob"], ["arn:aws:batch:{place}:job/*"]),
        (
            ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
            ["arn:aws:events:{place}:rule/StepFunctionsGetEventsForBatchJobsRule"],
        ),
    ],
    "states:startExecution.sync:2": [
        (
            ["states:DescribeExecution", "states:StopExecution"],
            ["arn:aws:states:{place}:execution:{machine}:*"],
        ),
        (
            ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
            ["arn:aws:events:{place}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"],
        ),
    ],
}
API_GATEWAY = "apigateway.amazonaws.com"
#: Rights of state machines that a service uses for a task.
GRANTED = {name for one in all_expectations().values() for name in one.granted}
#: Rights of every state machine in addition to its calls.
OF_EVERY_STATE_MACHINE = {"DeliverLog", "WriteTraces"}
#: Rights of one with a distributed Map, whose children are executions of its own.
OF_DISTRIBUTED_MAPS = {"RunMapChildren", "FollowMapChildren", "RedriveMapChildren"}


def no_policy_allows_a_wildcard_of_actions(found: list[Resource]) -> None:
    wild = [
        (statement.address, action)
        for statement in statements(found)
        if statement.is_allow
        for action in statement.actions
        if "*" in action
    ]

    assert wild == []


def a_wildcard_of_resources_is_there_for_a_reason_only(found: list[Resource]) -> None:
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


def nobody_but_a_service_with_a_condition_is_let_in_by_a_resource_policy(
    found: list[Resource],
) -> None:
    for statement in statements(found):
        principal = statement.content.get("Principal")
        if not statement.is_allow or principal is None:
            continue
        if statement.sid == "AdministerKey":
            # Delegates the key's administration to the account's policies.
            assert re.fullmatch(r"arn:aws:iam::[0-9]{12}:root", principal["AWS"]), statement
            assert not {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"} & {*statement.actions}
            continue
        if statement.sid in ("UseThroughServices", "GrantToServices"):
            # The account's policies control the use of these services.
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
        if statement.sid == "__default_statement_ID":
            # SNS gives it to a topic without a policy: policies of its account decide.
            condition = statement.content["Condition"]
            assert set(condition["StringEquals"]) == {"AWS:SourceOwner"}, statement
            continue
        if statement.sid == "OnlyThisAccount":
            # An additional gate, which grants nothing that a role does not.
            conditions = statement.content["Condition"]["StringEquals"]
            assert set(conditions) == {"aws:PrincipalAccount", "aws:ResourceAccount"}
            continue
        assert set(principal) == {"Service"}, statement
        if statement.sid == "CreateAuditStreams":
            # EventBridge does not say for which rule it makes a stream, which is empty.
            assert statement.actions == ["logs:CreateLogStream"]
            continue
        # Neither service says for which function or API it takes a role.
        if as_list(principal["Service"])[0] not in ("lambda.amazonaws.com", API_GATEWAY):
            conditions = json.dumps(statement.content["Condition"])
            assert "aws:SourceArn" in conditions, statement


def the_state_machine_may_call_exactly_what_it_calls(found: list[Resource]) -> None:
    for machine in of_type(found, "aws_sfn_state_machine"):
        module = machine.address.rpartition(".aws_sfn_state_machine")[0]
        rights = [s for s in statements(found) if s.address.startswith(f"{module}.aws_iam_role_p")]
        needed = needed_by(machine)
        own = needed.pop("")

        assert own
        if not rights:
            # A plan of a policy that Terraform does not know yet, of those in UNKNOWN.
            continue
        further = {s.sid for s in rights} & OF_DISTRIBUTED_MAPS
        is_distributed = '"DISTRIBUTED"' in machine.values["definition"]
        assert further == (OF_DISTRIBUTED_MAPS if is_distributed else set())
        general = OF_EVERY_STATE_MACHINE | OF_DISTRIBUTED_MAPS | GRANTED
        found_pairs = pairs(s for s in rights if s.sid not in general)
        assert found_pairs == with_targets(own, found_pairs) | {
            ("sts:AssumeRole", role) for role in needed
        }
        for role, calls in needed.items():
            name = role.rpartition("/")[2]
            policies = of_type(found, "aws_iam_role_policy")
            allowed = pairs(statements(p for p in policies if p.values["role"] == name))
            # Of the spaces, it reaches its tenant's own only.
            own_space = f"/{name.partition('-tenant-')[2]}/*"
            assert {(action, arn.replace(own_space, "/*")) for action, arn in allowed} == calls


def a_tenants_role_reaches_that_tenant_only(found: list[Resource]) -> None:
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


def with_targets(
    needed: set[tuple[str, str]], allowed: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return needed rights with the targets that are allowed where an expression computes one.

    One at least must be, and no wider one than the expression's own kind of resource.
    """
    found = {(action, arn) for action, arn in needed if "{%" not in arn}
    for action, arn in needed - found:
        pattern = re.compile("[^:/]+".join(map(re.escape, re.split(r"\{%.*?%\}", arn))))
        targets = {pair for pair in allowed if pair[0] == action and pattern.fullmatch(pair[1])}
        assert targets, f"nothing may be done that {action} on {arn} computes"
        found |= targets
    return found


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
        arguments: JsonObject = state["Arguments" if "Arguments" in state else "Parameters"]
        names = {
            **next(iter(arguments.get("TransactItems", [{}])[0].values()), {}),
            **arguments,
            **arguments.get("Content", {}).get("Template", {}),
            "bus": next((e["EventBusName"] for e in arguments.get("Entries", [])), ""),
            "queue": arguments.get("QueueUrl", "").rpartition("/")[2],
            "place": f"{environment.region}:{environment.account_id}",
            # The name within the ARN of an alias.
            "machine": arguments.get("StateMachineArn", "")
            .split(":stateMachine:")[-1]
            .partition(":")[0],
            "parent": f"{environment.prefix}-{machine.values['tags']['flow'].replace('_', '-')}",
            "domain": arguments.get("FromEmailAddress", "").partition("@")[2].removesuffix(">"),
        }
        roles = re.findall(r"arn:[^']+", state.get("Credentials", {}).get("RoleArn", "")) or [""]
        for role in roles:
            for methods in methods_of(arguments) if integration == "apigateway:invoke" else [""]:
                needed.setdefault(role, set()).update(
                    (action, pattern.format(**names, methods=methods))
                    for actions, patterns in (NEEDED[integration], *FURTHER.get(integration, ()))
                    for action in actions
                    for pattern in patterns
                )
    return needed


def methods_of(arguments: JsonObject) -> list[str]:
    """Return the ARNs of the methods that a task may call, of APIs in any account."""
    hosts = re.findall(r"'(\w+)\.execute-api\.([\w-]+)\.", arguments["ApiEndpoint"])
    stages = re.findall(r":'([\w-]+)'", arguments["Stage"])
    method = f"{arguments['Method']}{arguments['Path']}"
    return [
        f"arn:aws:execute-api:{region}:*:{api}/{stage}/{method}"
        for (api, region), stage in zip(hosts, stages, strict=True)
    ]


def pairs(found: Iterable[Statement]) -> set[tuple[str, str]]:
    """Return what statements allow: each action with each resource."""
    return {
        (action, without_chosen(arn))
        for s in found
        if s.is_allow
        for action in s.actions
        for arn in s.resources
    }


def without_chosen(arn: str) -> str:
    """Return an ARN without the parts that a definition does not have.

    An API's address does not say in which account it is, and AWS chooses the ids of phone numbers.
    """
    arn = re.sub(r"^(arn:aws:execute-api:[^:]+):[0-9]{12}:", r"\1:*:", arn)
    return re.sub(r"(:phone-number/)phone-[0-9a-f]+$", r"\1*", arn)


#: All of them.
RULES = (
    no_policy_allows_a_wildcard_of_actions,
    a_wildcard_of_resources_is_there_for_a_reason_only,
    nobody_but_a_service_with_a_condition_is_let_in_by_a_resource_policy,
    the_state_machine_may_call_exactly_what_it_calls,
    a_tenants_role_reaches_that_tenant_only,
)
