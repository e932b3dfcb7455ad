"""RDS protects the data of a database as the settings of each environment say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tftest

from ops.terraform.environments import Environment
from ops.terraform.runner import ROOT
from tests.support.plans import first_flow, plan_modules, plan_with
from tests.support.resources import Resource, of_type

#: The differences between environments.
WANTED = {
    "dev": {"multi_az": False, "backup_retention_period": 1, "deletion_protection": False},
    "qa": {"multi_az": False, "backup_retention_period": 7, "deletion_protection": False},
    "prd": {"multi_az": True, "backup_retention_period": 30, "deletion_protection": True},
}
#: Memory in GiB of each environment's instance class, by AWS's list of classes.
MEMORY = {"dev": 1, "qa": 2, "prd": 8}


def test_rds_keeps_data_as_the_environment_wants_it(stage: str, planned: list[Resource]) -> None:
    [server] = of_type(planned, "aws_db_instance")
    values = server.values

    assert {name: values[name] for name in WANTED[stage]} == WANTED[stage]
    assert values["skip_final_snapshot"] is not values["deletion_protection"]
    # Known after the apply.
    assert ("final_snapshot_identifier" in values) is values["skip_final_snapshot"]
    # The small classes of dev and qa have no Database Insights.
    assert values["performance_insights_enabled"] is (stage == "prd")
    assert values.get("database_insights_mode") == ("standard" if stage == "prd" else None)


def test_rds_is_encrypted_at_rest_and_on_the_way(planned: list[Resource]) -> None:
    [server] = of_type(planned, "aws_db_instance")
    [group] = of_type(planned, "aws_db_parameter_group")
    parameters = {p["name"]: p["value"] for p in group.values["parameter"]}

    assert server.values["storage_encrypted"] is True
    assert group.values["family"] == f"mariadb{server.values['engine_version']}"
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


def test_rds_alarms_follow_from_the_instance_class_and_the_storage(
    stage: str, planned: list[Resource]
) -> None:
    [server] = of_type(planned, "aws_db_instance")
    [group] = of_type(planned, "aws_db_parameter_group")
    [most] = [p["value"] for p in group.values["parameter"] if p["name"] == "max_connections"]
    thresholds = {
        alarm.values["metric_name"]: alarm.values["threshold"]
        for alarm in of_type(planned, "aws_cloudwatch_metric_alarm")
        if alarm.values["namespace"] == "AWS/RDS"
    }

    # RDS for MariaDB takes a connection for each 24 MiB.
    assert int(most) == MEMORY[stage] * 1024 // 24
    assert thresholds == {
        "CPUUtilization": 80,
        "DatabaseConnections": int(most) * 80 // 100,
        "FreeStorageSpace": server.values["allocated_storage"] * 2**30 / 10,
        "FreeableMemory": MEMORY[stage] * 1024 * 5 // 100 * 2**20,
    }


CLASSES = {
    "db.t4g.micro": 1,
    "db.t4g.2xlarge": 32,
    "db.m7g.xlarge": 16,
    "db.r8g.large": 16,
    "db.x2g.16xlarge": 1024,
}
UPGRADES: dict[str, tuple[dict[str, Any], bool]] = {
    "named": ({"engine_version": "11.8"}, True),
    "unnamed": ({}, False),
    "later": ({"engine_version": "11.8", "apply_immediately": False}, False),
}


def test_settings_of_rds_decide_connections_and_upgrades(
    terraform_of_dev: tftest.TerraformTest, tmp_path: Path
) -> None:
    settings: dict[str, dict[str, Any]] = {
        name.replace(".", "-"): {"instance_class": name} for name in CLASSES
    }
    settings |= {name: chosen for name, (chosen, _) in UPGRADES.items()}
    modules = {
        name: {
            "source": f"{ROOT / 'modules'}//database",
            "providers": {"aws": "aws", "aws.backup_region": "aws"},
            "name": name,
            "settings": {"mode": "rds", "rds": {"name": "crm", **chosen}},
            "network": {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]},
            "secret_recovery_days": 7,
            "log_retention_days": 7,
        }
        for name, chosen in settings.items()
    }

    found = plan_modules(terraform_of_dev, tmp_path, modules)

    most = {
        group.values["name_prefix"]: int(parameter["value"])
        for group in of_type(found, "aws_db_parameter_group")
        for parameter in group.values["parameter"]
        if parameter["name"] == "max_connections"
    }
    for name, gib in CLASSES.items():
        # RDS takes a connection for each 24 MiB, and 12,000 at most.
        assert most[f"{name.replace('.', '-')}-"] == min(12000, gib * 1024 // 24)
    servers = {each.values["identifier"]: each.values for each in of_type(found, "aws_db_instance")}
    for name, (given, may_upgrade) in UPGRADES.items():
        # An upgrade that waits for the window would leave the old parameter group in use.
        assert servers[name]["allow_major_version_upgrade"] is may_upgrade
        assert servers[name]["apply_immediately"] is given.get("apply_immediately", True)


COPIES = "aws_db_instance_automated_backups_replication"


def test_no_backup_is_copied_unless_settings_say_so(planned: list[Resource]) -> None:
    assert [each for each in planned if each.type == COPIES] == []


def test_backups_are_copied_to_another_region_if_settings_say_so(
    terraform_of_dev: tftest.TerraformTest, tmp_path: Path
) -> None:
    database = Environment("dev").variables["database"]
    database["rds"]["backup_copy"] = {"region": "us-west-2", "days": 14}

    found = plan_with(terraform_of_dev, tmp_path, flows=first_flow(), database=database)

    [copy] = of_type(found, COPIES)
    assert copy.values["retention_period"] == 14
    aliases = {alias.values["name"] for alias in of_type(found, "aws_kms_alias")}
    assert "alias/flowbridge-dev-database-copy" in aliases


def test_flows_that_open_too_many_connections_are_refused(
    terraform_of_dev: tftest.TerraformTest, tmp_path: Path
) -> None:
    found = Environment("dev").variables["flows"].items()
    name, settings = next(item for item in found if "backend_concurrency" in item[1])
    flows = {name: {**settings, "backend_concurrency": 10}}

    with pytest.raises(tftest.TerraformTestError) as caught:
        plan_with(terraform_of_dev, tmp_path, flows=flows)

    words = " ".join(str(caught.value.cmd_error).replace("│", " ").split())
    assert "may open 34 connections to the database, and its alarm fires above 33" in words
