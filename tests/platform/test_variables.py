"""A value that cannot work is refused when Terraform plans, with a sentence that helps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tftest

from ops.terraform.environments import Environment, read_hcl
from ops.terraform.runner import ROOT
from tests.support.flows import all_expectations
from tests.support.plans import first_flow, given

Group = dict[str, tuple[Any, str | list[str]]]

LOGS = {"retention_days": 7, "level": "INFO", "execution_data": False}

#: What is expected of the settings of each flow that has any.
SETTINGS = {
    flow: expected.settings
    for flow, expected in all_expectations().items()
    if expected.settings is not None
}


def changed(changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the flows of ``dev`` with changed settings."""
    flows: dict[str, Any] = Environment("dev").variables["flows"]
    for flow, settings in changes.items():
        merged = {**flows[flow], **settings}
        flows[flow] = {name: value for name, value in merged.items() if value is not None}
    return flows


def line_of_settings(flow: str) -> int:
    """Return the line at which a flow declares its settings."""
    text = (ROOT / "flows" / flow / "variables.tf").read_text()
    return text.partition('variable "settings"')[0].count("\n") + 1


#: Wrong values, and the sentence or sentences for each. Terraform checks a module's inputs only
#: when those of the root module are good, and names all wrong ones, so each group takes one plan.
GROUPS: list[Group] = [
    {
        "account_id": ("12", "account_id has 12 digits"),
        "flows": ({"no_such": {}}, "flows has no_such, which is not a folder of terraform/flows"),
        "project": ("Flow Bridge", "project has 2 to 15 lower-case letters"),
        "region": ("here", "region is the name of an AWS region"),
        "emulator": ({"endpoint": "http://example.com"}, "emulator.endpoint is http://127.0.0.1"),
        "logs": ({**LOGS, "retention_days": 2}, "CloudWatch keeps logs for"),
        "canary": ({"percent": 60, "minutes": 5}, "canary takes 1 to 50 whole percent"),
        "release": ("1.0", "release is the digest in a release's manifest"),
    },
    {
        "environment": ("test", "environment is local, dev, qa or prd"),
        "flows": (["order_intake"], "flows is a map from a flow's name to its settings"),
        "stable_versions": ({"functions": {"one": "1"}}, "stable_versions needs canary"),
    },
    {
        "environment": ("prd", "set logs.execution_data = false"),
        "logs": ({**LOGS, "execution_data": True, "level": "DEBUG"}, "functions log it at DEBUG"),
        "database": (
            {"mode": "rds", "rds": {"name": "crm", "slow_query_log": True}},
            "The slow-query log quotes personal data",
        ),
        "release": (None, "qa and prd run releases that were promoted"),
    },
    {
        "region": ("ca-west-1", "certificates has no file ca-west-1.pem"),
        "database": (
            {
                "mode": "rds",
                "rds": {"name": "crm", "database_insights": "advanced"},
            },
            "db.t4g.micro has no Database Insights",
        ),
    },
    {
        "database": (
            {"mode": "rds", "rds": {"name": "crm", "backup_copy": {"region": "us-east-1"}}},
            "backup_copy.region is us-east-1, where the database is",
        ),
    },
    {
        "database": (
            {"mode": "rds", "rds": {"name": "crm", "engine_version": "10.6"}},
            "10.11, 11.4 or 11.8",
        ),
    },
    {
        "database": (
            {"mode": "rds", "rds": {"name": "crm", "instance_class": "db.c6gd.large"}},
            "the alarms know the memory of these",
        ),
    },
    {
        "database": (
            {"mode": "rds", "rds": {"name": "crm", "alarm": {"free_memory_percent": 0}}},
            "rds.alarm are percentages above 0 and below 100",
        ),
    },
    {
        "database": (
            {"mode": "rds", "rds": {"name": "crm", "backup_window": "at night"}},
            "rds.backup_window is two times of day in UTC",
        ),
        "network": ({"own": {"cidr": "10.1.0.0/28"}}, "of /16 to /24, such as 10.1.0.0/20"),
    },
    {
        "database": ({"mode": "rds", "rds": {"name": "crm", "backup_days": 0}}, "is 1 to 35"),
        "event_archive_days": (0, "archive_days is a whole number of days, 1 or more"),
        "network": ({"own": {"cidr": "8.8.0.0/20"}}, "cidr is a range of private addresses"),
    },
    {
        "network": ({"own": {"cidr": "10.1.0.0/20", "zones": 1}}, "A network has 2 or 3 zones"),
        "database": ({"mode": "rds", "rds": {"name": "crm", "storage_gb": 19}}, "is 20 to 16384"),
        "event_archive_days": (3654, "archive_days is 3653 (ten years) at most"),
    },
    {
        "flows": (
            changed({flow: settings.wrong for flow, settings in SETTINGS.items()}),
            [sentence for settings in SETTINGS.values() for sentence in settings.sentences],
        ),
    },
    {
        "flows": (
            changed({flow: {one.required: None} for flow, one in SETTINGS.items() if one.required}),
            [
                f'module.{flow}["{flow}"].var.settings declared at '
                f"flows/{flow}/variables.tf:{line_of_settings(flow)},1-20: attribute "
                f'"{settings.required}" is required'
                for flow, settings in SETTINGS.items()
                if settings.required
            ],
        ),
        "network": (
            {"existing": {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1"]}},
            "Name two subnets in different availability zones",
        ),
    },
    {
        "logs": ({**LOGS, "level": "LOUD"}, "log level is DEBUG, INFO, WARN or ERROR"),
        "secret_recovery_days": (3, "secret_recovery_days is 0, or 7 to 30"),
        "retry": ({"interval_seconds": 0}, "retry takes a first wait of 1 s or more"),
        "database": ({"mode": "cloud"}, "database's mode is"),
        "network": (
            {
                "own": {"cidr": "10.1.0.0/20"},
                "existing": {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]},
            },
            "A network is either own",
        ),
        "alarm_receivers": (["http://example.com"], "alarm_receivers are e-mail addresses"),
        "failed_share": ({"percent": 100}, "failed_share.percent is above 0 and below 100"),
    },
]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: "-".join(group))
def test_wrong_values_are_refused_by_name(
    terraform_of_dev: tftest.TerraformTest,
    tmp_path: Path,
    group: Group,
) -> None:
    values = {name: value for name, (value, _) in group.items()}
    values.setdefault("flows", first_flow())

    words = refused(terraform_of_dev, tmp_path, values)

    wanted = [s for _, some in group.values() for s in ([some] if isinstance(some, str) else some)]
    assert [sentence for sentence in wanted if sentence not in words] == []


def test_the_settings_of_every_flow_are_tried() -> None:
    declared = {
        file.parent.name: read_hcl(file)["variable"] for file in ROOT.glob("flows/*/variables.tf")
    }
    with_settings = {
        flow
        for flow, variables in declared.items()
        for variable in variables
        if variable.get("settings", {}).get("type", "") not in ("", "${object({})}")
    }

    assert with_settings == set(SETTINGS)


def test_settings_that_no_flow_has_are_refused_by_flow_and_name(
    terraform_of_dev: tftest.TerraformTest, tmp_path: Path
) -> None:
    flows = changed({flow: {"front_dor": {}} for flow in SETTINGS})

    words = refused(terraform_of_dev, tmp_path, {"flows": flows})

    names = ", ".join(f"{flow}.front_dor" for flow in sorted(SETTINGS))
    assert f"No flow has the settings {names}." in words


def test_a_flow_names_the_part_of_the_platform_that_it_lacks(
    terraform_of_dev: tftest.TerraformTest, tmp_path: Path
) -> None:
    needed = {part for settings in SETTINGS.values() for part in settings.platform}
    assert needed
    for part in needed:
        flows = [flow for flow, settings in SETTINGS.items() if part in settings.platform]
        settings = {flow: Environment("dev").variables["flows"][flow] for flow in flows}
        words = refused(terraform_of_dev, tmp_path, {part: None, "flows": settings})

        for flow in flows:
            assert f"{flow} needs the platform's {part}. Set {part} in" in words


def refused(terraform: tftest.TerraformTest, folder: Path, values: dict[str, Any]) -> str:
    """Return what Terraform says of the values of ``dev`` with others, without its line breaks."""
    terraform, file = given(terraform, folder, {**Environment("dev").variables, **values})

    with pytest.raises(tftest.TerraformTestError) as caught:
        terraform.plan(tf_var_file=str(file))

    # Terraform breaks its lines where the terminal ends.
    return " ".join(re.sub(r"\x1b\[[0-9]*m|[│╷╵]", " ", str(caught.value.cmd_error)).split())
