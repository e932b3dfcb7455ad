"""An API calls exactly the targets of its operations, and refuses what would call none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tftest

from ops.terraform.runner import ROOT
from tests.support.plans import plan_modules
from tests.support.resources import Resource, of_type, statements

PLACE = "us-east-1:111111111111"
MACHINE = f"arn:aws:states:{PLACE}:stateMachine:m"
OTHER = "arn:aws:states:us-east-1:222222222222:stateMachine:caller"
QUEUE = f"arn:aws:sqs:{PLACE}:q"
SIGNED = """
components:
  securitySchemes:
    signature:
      { type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4 }
"""


def document(*operations: tuple[str, str], security: str = "[]", more: str = "") -> str:
    """Return a document in YAML with operations, given by method and path."""
    paths = "".join(
        f"\n  {path}:\n    {method}:\n      security: {security}\n      responses: "
        '{ "200": { description: a }, "202": { description: b }, "500": { description: c } }'
        for method, path in operations
    )
    return f'openapi: "3.0.1"\ninfo: {{ title: t, version: "1" }}\npaths:{paths}{more}\n'


A = document(("post", "/a"))
#: Documents, more inputs of the module, and the sentence for each that is refused.
BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "two": (
        A,
        {"targets": {"POST /a": {"start": MACHINE, "queue": QUEUE}}},
        "A target names one of execute, start, describe and queue.",
    ),
    "key": (A, {"targets": {"/a": {"start": MACHINE}}}, "The keys of targets are operations"),
    "success": (
        A,
        {"targets": {"POST /a": {"execute": MACHINE, "errors": {"E": {"status": 200}}}}},
        "a failed execution is not a success",
    ),
    "name": (
        A,
        {"targets": {"POST /a": {"execute": MACHINE, "execution_name": "$.id"}}},
        "execution_name is a path in the body",
    ),
    "error": (
        A,
        {"targets": {"POST /a": {"execute": MACHINE, "errors": {'a"b': {"status": 400}}}}},
        "The keys of errors are names of errors",
    ),
    "nobody": (
        A,
        {"targets": {"POST /a": {"start": MACHINE}}, "callers": {}},
        "callers names at least one principal or state machine",
    ),
    "wide": (
        A,
        {"targets": {"POST /a": {"start": MACHINE}}, "callers": {"state_machines": [OTHER + "*"]}},
        "without an alias and without a wildcard",
    ),
    "all": (
        A,
        {"targets": {"POST /a": {"start": MACHINE}}, "callers": {"principals": ["*"]}},
        "callers.principals are ARNs or numbers of accounts, without a wildcard",
    ),
}
#: The same, for what only a plan of everything shows.
LATE: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown": (
        A,
        {"targets": {"POST /a": {"start": MACHINE}, "GET /b": {"start": MACHINE}}},
        "targets of unknown has GET /b, which its document does not describe",
    ),
    "untargeted": (
        document(("post", "/a"), ("get", "/b")),
        {"targets": {"POST /a": {"start": MACHINE}}},
        "The document of untargeted has GET /b without a target",
    ),
    "undescribed": (
        A.replace('"202"', '"201"'),
        {"targets": {"POST /a": {"start": MACHINE}}},
        "POST /a of undescribed must describe the responses 500 and that of success",
    ),
    "unsigned": (
        A,
        {"targets": {"POST /a": {"start": MACHINE}}, "callers": {"principals": ["222222222222"]}},
        "POST /a of unsigned needs a security scheme with x-amazon-apigateway-authtype",
    ),
}


@pytest.fixture
def plan(terraform_of_dev: tftest.TerraformTest, tmp_path: Path) -> Any:
    """Return a function that plans APIs, given by name."""

    def plan_of(apis: dict[str, tuple[str, dict[str, Any]]]) -> list[Resource]:
        modules = {}
        for name, (text, more) in apis.items():
            template = tmp_path / f"{name}.yaml.tftpl"
            template.write_text(text)
            modules[name] = {
                "source": f"{ROOT / 'modules'}//workflow_api",
                "name": name,
                "description": "d",
                "stage": "s",
                "openapi": {"template": str(template)},
                "throttle": {"rate": 1, "burst": 1},
                "logs": {"retention_days": 7},
                **more,
            }
        return plan_modules(terraform_of_dev, tmp_path, modules)

    return plan_of


@pytest.mark.parametrize("bad", [BAD, LATE], ids=["values", "documents"])
def test_an_api_that_calls_nothing_or_lets_anybody_in_is_refused(
    plan: Any, bad: dict[str, tuple[str, dict[str, Any], str]]
) -> None:
    with pytest.raises(tftest.TerraformTestError) as caught:
        plan({name: (text, more) for name, (text, more, _) in bad.items()})

    words = " ".join(re.sub(r"\x1b\[[0-9]*m|[│╷╵]", " ", str(caught.value.cmd_error)).split())
    assert [sentence for _, _, sentence in bad.values() if sentence not in words] == []


def test_the_role_calls_the_targets_and_the_policy_lets_the_callers_in(plan: Any) -> None:
    targets = {
        "POST /sync": {"execute": f"{MACHINE}:live"},
        "POST /async": {"start": f"{MACHINE}:live", "execution_name": "$.id"},
        "GET /runs/{name}": {"describe": MACHINE},
        "POST /notes": {"queue": QUEUE},
    }
    operations = [(key.split()[0].lower(), key.split()[1]) for key in targets]
    text = document(*operations, security="[{ signature: [] }]", more=SIGNED)
    callers = {"principals": ["222222222222"], "state_machines": [OTHER]}

    found = plan({"good": (text, {"targets": targets, "callers": callers})})

    [role] = of_type(found, "aws_iam_role_policy")
    assert {s.sid: (s.actions, s.resources) for s in statements([role])} == {
        "PostSync": (["states:StartSyncExecution"], [MACHINE]),
        "PostAsync": (["states:StartExecution"], [MACHINE]),
        "GetRunsName": (
            ["states:DescribeExecution"],
            [MACHINE.replace(":stateMachine:", ":execution:") + ":*"],
        ),
        "PostNotes": (["sqs:SendMessage"], [QUEUE]),
    }
    [api] = of_type(found, "aws_api_gateway_rest_api")
    body = json.loads(api.values["body"])
    policy = {s["Sid"]: s for s in body["x-amazon-apigateway-policy"]["Statement"]}
    assert policy["CalledByPrincipals"]["Principal"] == {"AWS": "222222222222"}
    assert policy["CalledByStateMachines"]["Principal"] == {"Service": "states.amazonaws.com"}
    condition = policy["CalledByStateMachines"]["Condition"]
    assert condition == {"StringEquals": {"aws:SourceArn": OTHER}}
    for path in body["paths"].values():
        for operation in path.values():
            # API Gateway asks for it; a scheme that it did not know would be left out.
            assert operation["security"] == [{"signature": []}]
            integration = operation["x-amazon-apigateway-integration"]
            assert integration["credentials"].endswith(":role/good-targets")
            assert integration["passthroughBehavior"] == "never"
