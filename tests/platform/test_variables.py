"""A value that cannot work is refused when Terraform plans, with a sentence that helps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tftest

from ops.terraform.environments import read_hcl
from ops.terraform.runner import ROOT

LOGS = {"retention_days": 7, "level": "INFO", "execution_data": False}

#: Wrong values, and the sentence for each. Terraform looks at a module's inputs only when those of
#: the root module are good, and names all that it finds, so each group takes one plan.
GROUPS: list[dict[str, tuple[Any, str]]] = [
    {
        "account_id": ("12", "account_id has 12 digits"),
        "flows": (["no_such_flow"], "flows names folders below terraform/flows"),
        "project": ("Flow Bridge", "project has 2 to 15 lower-case letters"),
        "region": ("here", "region is the name of an AWS region"),
        "emulator_endpoint": ("http://example.com", "emulator_endpoint is http://127.0.0.1"),
        "logs": ({**LOGS, "retention_days": 2}, "CloudWatch keeps logs for"),
        "canary": ({"percent": 60, "minutes": 5}, "canary takes 1 to 50 percent"),
        "release": ("1.0", "release is the digest in a release's manifest"),
    },
    {
        "environment": ("test", "environment is local, dev, qa or prd"),
        "user_onboarding": (None, "The flow user_onboarding needs its tenants and a sender"),
        "article_publishing": (None, "article_publishing needs to know where to publish"),
        "stable_versions": ({"function": "1"}, "stable_versions needs canary"),
        "emulator_database_ca": ("pem", "emulator_database_ca goes with emulator_endpoint"),
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
        "database": ({"mode": "rds", "rds": {"name": "crm"}}, ""),
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
        "backend_concurrency": (0, "reserved_concurrency is 1 or more, or null"),
        "network": ({"own": {"cidr": "8.8.0.0/20"}}, "cidr is a range of private addresses"),
    },
    {
        "network": ({"own": {"cidr": "10.1.0.0/20", "zones": 1}}, "A network has 2 or 3 zones"),
        "database": ({"mode": "rds", "rds": {"name": "crm", "storage_gb": 19}}, "is 20 to 16384"),
        "event_archive_days": (3654, "archive_days is 3653 (ten years) at most"),
        "user_onboarding": (
            {"tenants": ["ACME"], "sender": "x@example.com"},
            "tenants has at least",
        ),
        "article_publishing": (
            {
                "site_url": "http://blog.example.com",
                "medium": {"feed_url": "https://medium.example.com"},
                "hashnode": {"host": "blog.example.com"},
                "opensearch": {"url": "https://search.example.com"},
            },
            "Every address begins with https://",
        ),
    },
    {
        "network": (
            {"existing": {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1"]}},
            "Name two subnets in different availability zones",
        ),
    },
    {
        "logs": ({**LOGS, "level": "LOUD"}, "log level is DEBUG, INFO, WARN, ERROR"),
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
        "api": (
            {"rate": 0, "burst": 1, "quota_per_month": 1},
            "throttle.rate is above 0",
        ),
    },
]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: "-".join(group))
def test_wrong_values_are_refused_by_name(
    terraform_of_dev: tftest.TerraformTest, tmp_path: Path, group: dict[str, tuple[Any, str]]
) -> None:
    values = read_hcl(ROOT / "envs" / "dev.tfvars")
    values |= {name: value for name, (value, _) in group.items()}
    file = tmp_path / "wrong.tfvars.json"
    file.write_text(json.dumps(values))

    with pytest.raises(tftest.TerraformTestError) as caught:
        terraform_of_dev.plan(tf_var_file=str(file))

    # Terraform breaks its lines where the terminal ends.
    words = " ".join(re.sub(r"\x1b\[[0-9]*m|[│╷╵]", " ", str(caught.value.cmd_error)).split())
    assert [sentence for _, sentence in group.values() if sentence not in words] == []
