"""RDS protects the data of a database as the settings of each environment say."""

from __future__ import annotations

from tests.support.resources import Resource, of_type

#: The differences between environments.
WANTED = {
    "dev": {"multi_az": False, "backup_retention_period": 1, "deletion_protection": False},
    "qa": {"multi_az": False, "backup_retention_period": 7, "deletion_protection": False},
    "prd": {"multi_az": True, "backup_retention_period": 30, "deletion_protection": True},
}


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
