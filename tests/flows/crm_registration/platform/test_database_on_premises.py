"""The flow works with a database on premises, which stays as it is."""

from __future__ import annotations

import json

import boto3
import pytest
import tftest

from ops.terraform.environments import Environment
from tests.flows.crm_registration.support.registration import FLOW
from tests.support.plans import plan_with
from tests.support.resources import Resource, of_type, statements

ON_PREMISES = {
    "host": "crm.example.internal",
    "port": 3307,
    "name": "crm",
    "admin_secret_name": "crm-administrator",
    "cidr": "10.200.0.0/24",
}
SUBNETS = ["subnet-1", "subnet-2"]


@pytest.fixture(scope="module")
def on_premises(
    terraform_of_dev: tftest.TerraformTest, tmp_path_factory: pytest.TempPathFactory
) -> list[Resource]:
    """The plan of ``dev`` with an on-premises database in an existing network."""
    environment = terraform_of_dev.env
    secrets = boto3.client(
        "secretsmanager",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    flows = Environment("dev").variables["flows"]
    # Its owners make it.
    secrets.create_secret(Name=ON_PREMISES["admin_secret_name"], SecretString="{}")
    return plan_with(
        terraform_of_dev,
        tmp_path_factory.mktemp("on_premises"),
        flows={FLOW: flows[FLOW]},
        network={"existing": {"vpc_id": "vpc-1", "subnet_ids": SUBNETS}},
        database={"mode": "on_premises", "on_premises": ON_PREMISES},
    )


def test_a_database_on_premises_is_not_made(on_premises: list[Resource]) -> None:
    assert not [resource for resource in on_premises if resource.type.startswith("aws_db_")]
    assert not [resource for resource in on_premises if resource.type.endswith("_ingress_rule")]


def test_functions_reach_the_server_on_premises_at_its_port_and_nothing_near_it(
    on_premises: list[Resource],
) -> None:
    ways = of_type(on_premises, "aws_vpc_security_group_egress_rule")

    assert sorted(
        (way.values["cidr_ipv4"], way.values["from_port"], way.values["to_port"]) for way in ways
    ) == [
        # Where a network that is there has its way to AWS, is not known.
        ("0.0.0.0/0", 443, 443),
        (ON_PREMISES["cidr"], ON_PREMISES["port"], ON_PREMISES["port"]),
    ]


def test_what_uses_a_database_on_premises_is_in_the_network(on_premises: list[Resource]) -> None:
    inside = {
        function.values["function_name"].removeprefix("flowbridge-dev-crm-api-"): config
        for function in of_type(on_premises, "aws_lambda_function")
        for config in function.values["vpc_config"]
    }

    assert set(inside) == {
        "count-rows",
        "create-benefit-back",
        "create-client-back",
        "create-partner-back",
        "migrate",
        "remove-synthetic",
    }
    assert [config["subnet_ids"] for config in inside.values()] == [SUBNETS] * len(inside)


def test_the_migration_is_told_of_the_server_on_premises_and_its_administrator(
    on_premises: list[Resource],
) -> None:
    [migrate] = [
        invocation
        for invocation in of_type(on_premises, "aws_lambda_invocation")
        if invocation.address.endswith(".migrate")
    ]
    rights = {
        statement.sid: statement
        for statement in statements(on_premises)
        if ".module.migrate.aws_iam_role_policy." in statement.address
    }

    told = json.loads(migrate.values["input"])
    assert {name: told[name] for name in ("host", "port", "name")} == {
        name: ON_PREMISES[name] for name in ("host", "port", "name")
    }
    _, administrator = rights["ReadDatabaseCredentials"].resources
    assert f":secret:{ON_PREMISES['admin_secret_name']}-" in administrator
    # The owners' secret has no key of the platform's.
    assert "DecryptAdministratorsSecret" not in rights
