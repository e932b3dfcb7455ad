"""A state machine may call exactly what its definition names, and what is listed for run time."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tftest
import yaml

from ops.terraform.runner import ROOT
from tests.support.plans import plan_modules
from tests.support.resources import Resource, of_type, statements

MODULE = ROOT / "modules" / "state_machine"
LAMBDA = "arn:aws:states:::lambda:invoke"
FUNCTION = "arn:aws:lambda:us-east-1:111111111111:function:{}:live"
PLACE = "us-east-1:111111111111"
CONNECTION = f"arn:aws:events:{PLACE}:connection/shop/81210c42-8af1-456b-9c4a-6ff02fc664ac"
#: The rule by which Step Functions learns of the end of nested executions.
CHILDREN = f"arn:aws:events:{PLACE}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"


def machine(*states: dict[str, Any], query: str = "JSONata") -> dict[str, Any]:
    """Return a definition of tasks one after another, `Task0` first."""
    tasks = {
        f"Task{number}": {"Type": "Task", "End": True, **state}
        for number, state in enumerate(states)
    }
    return {
        "QueryLanguage": query,
        "StartAt": "Task0",
        "TimeoutSeconds": 300,
        "States": tasks,
    }


def task(resource: str, **arguments: Any) -> dict[str, Any]:
    """Return a JSONata task."""
    return {"Resource": f"arn:aws:states:::{resource}", "Arguments": arguments}


#: Definitions, more inputs of the module, and the rights that the role has then.
GOOD: dict[str, tuple[dict[str, Any], dict[str, Any], set[tuple[str, str]]]] = {
    "named": (
        machine(
            task("lambda:invoke", FunctionName=FUNCTION.format("one")),
            task("lambda:invoke.waitForTaskToken", FunctionName=FUNCTION.format("two")),
            task("sqs:sendMessage", QueueUrl="https://sqs/111111111111/queue"),
            task("events:putEvents", Entries=[{"EventBusName": "a"}, {"EventBusName": "b"}]),
            task("dynamodb:getItem", TableName="table"),
            task("aws-sdk:s3:putObject", Bucket="bucket"),
            task(
                "aws-sdk:sesv2:sendEmail",
                FromEmailAddress="Flowbridge <hello@example.com>",
                ConfigurationSetName="set",
                Content={"Template": {"TemplateName": "welcome"}},
            ),
        ),
        {},
        {
            ("lambda:InvokeFunction", FUNCTION.format("one")),
            ("lambda:InvokeFunction", FUNCTION.format("two")),
            ("sqs:SendMessage", f"arn:aws:sqs:{PLACE}:queue"),
            ("events:PutEvents", f"arn:aws:events:{PLACE}:event-bus/a"),
            ("events:PutEvents", f"arn:aws:events:{PLACE}:event-bus/b"),
            ("dynamodb:GetItem", f"arn:aws:dynamodb:{PLACE}:table/table"),
            ("s3:PutObject", "arn:aws:s3:::bucket/*"),
            *(
                (action, f"arn:aws:ses:{PLACE}:{name}")
                for action in ("ses:SendEmail", "ses:SendTemplatedEmail")
                for name in (
                    "identity/example.com",
                    "configuration-set/set",
                    "template/welcome",
                )
            ),
        },
    ),
    "started-by-an-alias": (
        machine(
            task(
                "states:startExecution", StateMachineArn=f"arn:aws:states:{PLACE}:stateMachine:a:b"
            )
        ),
        {},
        {("states:StartExecution", f"arn:aws:states:{PLACE}:stateMachine:a")},
    ),
    "waits-for-its-child": (
        machine(
            task(
                "states:startExecution.sync:2",
                StateMachineArn=f"arn:aws:states:{PLACE}:stateMachine:a:live",
            )
        ),
        {},
        {
            ("states:StartExecution", f"arn:aws:states:{PLACE}:stateMachine:a"),
            ("states:DescribeExecution", f"arn:aws:states:{PLACE}:execution:a:*"),
            ("states:StopExecution", f"arn:aws:states:{PLACE}:execution:a:*"),
            *((f"events:{action}Rule", CHILDREN) for action in ("Describe", "Put")),
            ("events:PutTargets", CHILDREN),
        },
    ),
    "calls-an-address": (
        machine(
            task(
                "http:invoke",
                ApiEndpoint="https://api.example.com/orders",
                Authentication={"ConnectionArn": CONNECTION},
            )
        ),
        {},
        {
            ("events:RetrieveConnectionCredentials", CONNECTION),
            ("states:InvokeHTTPEndpoint", f"arn:aws:states:{PLACE}:stateMachine:calls-an-address"),
            *(
                (
                    f"secretsmanager:{action}",
                    f"arn:aws:secretsmanager:{PLACE}:secret:events!connection/shop/*",
                )
                for action in ("DescribeSecret", "GetSecretValue")
            ),
        },
    ),
    "allowed-at-run-time": (
        machine(
            task("lambda:invoke", FunctionName="{% $states.input.function %}"),
            task("events:putEvents", Entries=[{"EventBusName": "{% $bus %}"}]),
        ),
        {
            "runtime_targets": {
                "Task0": {"FunctionName": [FUNCTION.format("one"), FUNCTION.format("two")]},
                "Task1": {"Entries[*].EventBusName": [f"arn:aws:events:{PLACE}:event-bus/a"]},
            }
        },
        {
            ("lambda:InvokeFunction", FUNCTION.format("one")),
            ("lambda:InvokeFunction", FUNCTION.format("two")),
            ("events:PutEvents", f"arn:aws:events:{PLACE}:event-bus/a"),
        },
    ),
    "allowed-at-run-time-in-jsonpath": (
        machine(
            {"Resource": LAMBDA, "Parameters": {"FunctionName.$": "$.function"}}, query="JSONPath"
        ),
        {"runtime_targets": {"Task0": {"FunctionName": [FUNCTION.format("one")]}}},
        {("lambda:InvokeFunction", FUNCTION.format("one"))},
    ),
    "express": (
        machine(task("lambda:invoke", FunctionName=FUNCTION.format("one"))),
        {"type": "EXPRESS"},
        {("lambda:InvokeFunction", FUNCTION.format("one"))},
    ),
    "nested": (
        machine(
            task("lambda:invoke", FunctionName=FUNCTION.format("one")),
        )
        | {
            "States": {
                "Branches": {
                    "Type": "Parallel",
                    "End": True,
                    "Branches": [
                        {
                            "StartAt": "Items",
                            "States": {
                                "Items": {
                                    "Type": "Map",
                                    "End": True,
                                    "ItemProcessor": machine(
                                        task("lambda:invoke", FunctionName=FUNCTION.format("one"))
                                    ),
                                }
                            },
                        }
                    ],
                }
            }
        },
        {},
        {("lambda:InvokeFunction", FUNCTION.format("one"))},
    ),
}

#: Definitions that are refused, more inputs of the module, and the sentence for each.
BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown": (machine(task("ecs:runTask.sync")), {}, "calls ecs:runTask.sync, which"),
    "computed": (
        machine(task("lambda:invoke", FunctionName="{% $f %}")),
        {},
        "computed computes Task0.FunctionName at run time",
    ),
    "computed-bus": (
        machine(task("events:putEvents", Entries=[{"EventBusName": "a"}, {"EventBusName": "{%"}])),
        {},
        "computed-bus computes Task0.Entries[*].EventBusName at run time",
    ),
    "computed-path": (
        machine({"Resource": LAMBDA, "Parameters": {"FunctionName.$": "$.f"}}, query="JSONPath"),
        {},
        "computed-path computes Task0.FunctionName at run time",
    ),
    "spare": (
        machine(task("lambda:invoke", FunctionName=FUNCTION.format("one"))),
        {"runtime_targets": {"Task0": {"FunctionName": [FUNCTION.format("one")]}}},
        "runtime_targets of spare lists Task0.FunctionName, which the definition does not compute",
    ),
    "missing": (
        machine(task("events:putEvents", Entries=[{"EventBusName": "a"}, {}])),
        {},
        "missing does not name Task0.Entries[*].EventBusName by an ARN",
    ),
    "no-arn": (
        machine(task("lambda:invoke", FunctionName="one")),
        {},
        "no-arn does not name Task0.FunctionName by an ARN",
    ),
    "endless": (
        {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}},
        {},
        "The definition of endless needs a TimeoutSeconds",
    ),
    "too-long": (
        {**machine(), "TimeoutSeconds": 301},
        {"type": "EXPRESS"},
        "The definition of too-long needs a TimeoutSeconds next to StartAt, of 300 at most",
    ),
    "waiting": (
        machine(task("lambda:invoke.waitForTaskToken", FunctionName=FUNCTION.format("one"))),
        {"type": "EXPRESS"},
        "waiting is an EXPRESS state machine, which cannot wait as Task0 does",
    ),
}


@pytest.fixture
def plan(terraform_of_dev: tftest.TerraformTest, tmp_path: Path) -> Any:
    """Return a function that plans state machines, given by name."""

    def plan_of(machines: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> list[Resource]:
        modules = {
            name: {
                "source": str(MODULE),
                "name": name,
                # As a text that Terraform does not read as a template.
                "definition": json.dumps(definition).replace("%{", "%%{"),
                "logs": {"retention_days": 7},
                **more,
            }
            for name, (definition, more) in machines.items()
        }
        return plan_modules(terraform_of_dev, tmp_path, modules)

    return plan_of


def test_the_role_has_the_rights_that_the_definition_needs_and_no_others(plan: Any) -> None:
    found = plan({name: (definition, more) for name, (definition, more, _) in GOOD.items()})

    for name, (_, more, rights) in GOOD.items():
        [role] = [
            r
            for r in of_type(found, "aws_iam_role_policy")
            if r.address.startswith(f"module.{name}.")
        ]
        [made] = [
            r
            for r in of_type(found, "aws_sfn_state_machine")
            if r.address.startswith(f"module.{name}.")
        ]
        own = [s for s in statements([role]) if s.sid not in ("DeliverLog", "WriteTraces")]
        assert {(a, arn) for s in own for a in s.actions for arn in s.resources} == rights, name
        assert made.values["type"] == more.get("type", "STANDARD")


def test_the_role_trusts_the_state_machine_and_its_aliases(plan: Any) -> None:
    found = plan({"one": GOOD[next(iter(GOOD))][:2]})

    [role] = of_type(found, "aws_iam_role")
    [statement] = json.loads(role.values["assume_role_policy"])["Statement"]
    [arn, aliases] = statement["Condition"]["ArnLike"]["aws:SourceArn"]
    assert arn.endswith(":stateMachine:one")
    assert aliases == f"{arn}:*"
    assert statement["Principal"] == {"Service": "states.amazonaws.com"}


def test_a_definition_that_the_role_cannot_follow_is_refused_with_its_state(plan: Any) -> None:
    with pytest.raises(tftest.TerraformTestError) as caught:
        plan({name: (definition, more) for name, (definition, more, _) in BAD.items()})

    words = " ".join(re.sub(r"\x1b\[[0-9]*m|[│╷╵]", " ", str(caught.value.cmd_error)).split())
    assert [sentence for _, _, sentence in BAD.values() if sentence not in words] == []


def test_a_run_time_target_with_a_wildcard_is_refused(plan: Any) -> None:
    definition = machine(task("lambda:invoke", FunctionName="{% $f %}"))
    every = {"runtime_targets": {"Task0": {"FunctionName": ["arn:aws:lambda:*"]}}}

    with pytest.raises(tftest.TerraformTestError, match="without"):
        plan({"wide": (definition, every)})


@pytest.mark.parametrize(
    "file", sorted((MODULE / "integrations").glob("*.yaml")), ids=lambda file: file.stem
)
def test_an_integration_has_what_the_module_reads_and_nothing_else(file: Path) -> None:
    for name, integration in yaml.safe_load(file.read_text()).items():
        service = name.removeprefix("aws-sdk:").partition(":")[0]
        assert service == file.stem, f"{name} belongs into {service}.yaml"
        assert {"actions", "targets"} <= set(integration) <= {"actions", "targets", "also"}, name
        further = integration.get("also", [])
        for part in (integration, *further):
            assert all(re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z]+", a) for a in part["actions"])
        for part in further:
            assert {"purpose", "actions", "arn"} <= set(part), name
            assert set(part) <= {"purpose", "actions", "arn", "name"}, name
            assert ("{name}" in part["arn"]) == ("name" in part), name
        for target in integration["targets"]:
            assert {"argument"} <= set(target) <= {"argument", "name", "arn", "part_of_arn"}, name
            # The module takes this many steps down a path.
            assert len(target["argument"].replace("[*]", ".*").split(".")) <= 4, name
            for pattern in ("name", "part_of_arn"):
                assert re.compile(target.get(pattern, "(.*)")).groups == 1, name
