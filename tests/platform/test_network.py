"""The network of each environment leads to what its functions need, and nowhere else."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path

import tftest

from ops.terraform.environments import STAGES, Environment
from tests.support.plans import first_flow, plan_with
from tests.support.resources import Resource, as_list, of_type, statements

#: Services that a function in the VPC reaches without a way through it, and how.
BESIDE_THE_VPC = {
    "ec2": "for Lambda's service; the function's own code is denied it",
    "kms": "Secrets Manager calls it for the function",
    "logs": "Lambda takes the logs out of the function's environment",
    "xray": "Lambda takes the traces out of the function's environment",
}
RULES = ("aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule")


def test_nothing_leads_to_the_internet(planned: list[Resource]) -> None:
    kinds = {resource.type for resource in planned}

    assert "aws_vpc" in kinds
    assert not kinds & {
        "aws_egress_only_internet_gateway",
        "aws_eip",
        "aws_internet_gateway",
        "aws_nat_gateway",
        "aws_route",
    }
    assert [table.values.get("route") for table in of_type(planned, "aws_route_table")] == [None]
    for subnet in of_type(planned, "aws_subnet"):
        assert not subnet.values["map_public_ip_on_launch"]
    for server in of_type(planned, "aws_db_instance"):
        assert not server.values["publicly_accessible"]


def test_subnets_are_apart_and_in_different_zones(stage: str, planned: list[Resource]) -> None:
    [network] = of_type(planned, "aws_vpc")
    subnets = of_type(planned, "aws_subnet")
    ranges = [IPv4Network(subnet.values["cidr_block"]) for subnet in subnets]

    assert len({subnet.values["availability_zone"] for subnet in subnets}) == len(subnets)
    assert len(subnets) == Environment(stage).variables["network"]["own"].get("zones", 2) >= 2
    assert all(one.subnet_of(IPv4Network(network.values["cidr_block"])) for one in ranges)
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))
    assert len(of_type(planned, "aws_route_table_association")) == len(subnets)


def test_environments_can_be_connected_to_one_network() -> None:
    ranges = [IPv4Network(Environment(s).variables["network"]["own"]["cidr"]) for s in STAGES]

    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))


def test_security_groups_name_each_other_and_open_one_port(planned: list[Resource]) -> None:
    rules = [resource for resource in planned if resource.type in RULES]

    assert len(rules) == 4
    for rule in rules:
        assert rule.values["ip_protocol"] == "tcp"
        assert rule.values.get("from_port") == rule.values.get("to_port")
        for name in ("cidr_ipv4", "cidr_ipv6", "prefix_list_id"):
            assert rule.values[name] is None, rule.address
    for group in of_type(planned, "aws_security_group"):
        assert not {"egress", "ingress"} & group.values.keys()
    [default] = of_type(planned, "aws_default_security_group")
    assert not any(default.values.get(name) for name in ("egress", "ingress"))


def test_what_functions_in_the_network_call_has_an_endpoint(planned: list[Resource]) -> None:
    through = {
        action
        for endpoint in of_type(planned, "aws_vpc_endpoint")
        if endpoint.values["vpc_endpoint_type"] == "Interface"
        for action in as_list(json.loads(endpoint.values["policy"])["Statement"][0]["Action"])
    }
    inside = {
        function.address.removesuffix(".aws_lambda_function.this")
        for function in of_type(planned, "aws_lambda_function")
        if function.values["vpc_config"]
    }
    called = {
        action
        for statement in statements(planned)
        if statement.is_allow and statement.address.partition(".aws_iam_role_policy.")[0] in inside
        for action in statement.actions
        if action.partition(":")[0] not in BESIDE_THE_VPC
    }

    assert len(inside) >= 5
    assert called == through


def test_endpoints_are_found_by_the_services_own_names(planned: list[Resource]) -> None:
    endpoints = of_type(planned, "aws_vpc_endpoint")
    kinds = {e.values["service_name"].rpartition(".")[2]: e for e in endpoints}

    assert set(kinds) == {"dynamodb", "s3", "secretsmanager"}
    for name, endpoint in kinds.items():
        is_gateway = name in ("dynamodb", "s3")
        kind = "Gateway" if is_gateway else "Interface"
        assert endpoint.values["vpc_endpoint_type"] == kind
        assert endpoint.values.get("private_dns_enabled") is (None if is_gateway else True)


def test_every_connection_is_logged(planned: list[Resource]) -> None:
    [log] = of_type(planned, "aws_flow_log")

    assert log.values["traffic_type"] == "ALL"
    assert log.values["log_destination_type"] == "cloud-watch-logs"


def test_an_existing_network_stays_as_it_is(
    terraform_of_dev: tftest.TerraformTest, tmp_path: Path
) -> None:
    found = plan_with(
        terraform_of_dev,
        tmp_path,
        flows=first_flow(),
        network={"existing": {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}},
    )

    assert not any(resource.address.startswith("module.network") for resource in found)
    for group in of_type(found, "aws_security_group"):
        assert group.values["vpc_id"] == "vpc-1"
    for function in of_type(found, "aws_lambda_function"):
        for config in function.values["vpc_config"]:
            assert config["subnet_ids"] == ["subnet-1", "subnet-2"]
    # Where its owner's way to AWS begins, is not known here.
    [to_aws] = [r for r in of_type(found, RULES[0]) if r.values.get("to_port") == 443]
    assert to_aws.values["cidr_ipv4"] == "0.0.0.0/0"
