"""The database keeps what it has: on RDS as each environment wants it, or on premises as it is."""

from __future__ import annotations

import json

import boto3
import pytest
import tftest

from ops.terraform.environments import Environment
from tests.support.plans import plan_with
from tests.support.resources import Resource, of_type, statements

#: The differences between environments.
WANTED = {
    "dev": {"multi_az": False, "backup_retention_period": 1, "deletion_protection": False},
    "qa": {"multi_az": False, "backup_retention_period": 7, "deletion_protection": False},
    "prd": {"multi_az": True, "backup_retention_period": 30, "deletion_protection": True},
}
ON_PREMISES = {
    "host": "crm.example.internal",
    "port": 3307,
    "name": "crm",
    "admin_secret_name": "crm-administrator",
    "cidr": "10.200.0.0/24",
}
SUBNETS = ["subnet-1", "subnet-2"]


def test_rds_keeps_data_as_the_environment_wants_it(stage: str, planned: list[Resource]) -> None:
    [server] = of_type(planned, "aws_db_instance")
    values = server.values

    assert {name: values[name] for name in WANTED[stage]} == WANTED[stage]
    assert values["skip_final_snapshot"] is not values["deletion_protection"]
    assert (values["final_snapshot_identifier"] is None) is values["skip_final_snapshot"]
    # The small classes of dev and qa do not have it.
    assert values["performance_insights_enabled"] is (stage == "prd")


def test_rds_is_encrypted_at_rest_and_on_the_way(planned: list[Resource]) -> None:
    [server] = of_type(planned, "aws_db_instance")
    [group] = of_type(planned, "aws_db_parameter_group")
    parameters = {p["name"]: p["value"] for p in group.values["parameter"]}

    assert server.values["storage_encrypted"] is True
    assert server.values["parameter_group_name"] == group.values["name"]
    assert parameters["require_secure_transport"] == "1"


def test_rds_makes_its_administrators_password_itself(planned: list[Resource]) -> None:
    [server] = of_type(planned, "aws_db_instance")

    assert server.values["manage_master_user_password"] is True
    assert [server.values[name] for name in ("password", "password_wo")] == [None, None]


def test_rds_exports_its_errors_and_no_statements(planned: list[Resource]) -> None:
    [server] = of_type(planned, "aws_db_instance")
    groups = {group.values["name"] for group in of_type(planned, "aws_cloudwatch_log_group")}
    identifier = server.values["identifier"]

    assert server.values["enabled_cloudwatch_logs_exports"] == ["error"]
    assert f"/aws/rds/instance/{identifier}/error" in groups


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
        flows={"crm_registration": flows["crm_registration"]},
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
