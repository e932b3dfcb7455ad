"""Plans of the bootstrap, and the rights that flows declare for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ops.local.prepare import terraform_cli_config
from ops.terraform.environments import Environment
from ops.terraform.runner import BOOTSTRAP, DEPLOY_RIGHTS, FASTER, FLOWS
from tests.support.resources import JsonObject, as_list

#: The roles of an environment that no flow owns belong to this owner.
PLATFORM = "platform"


class PlanError(Exception):
    """Terraform refused to plan; the text is what it printed."""


def declared(flow: str) -> JsonObject:
    """Return a flow's rights as its file has them."""
    rights: JsonObject = json.loads((FLOWS / flow / DEPLOY_RIGHTS).read_text())
    return rights


def wide_with_reason(flows: Iterable[str]) -> set[str]:
    """Return the Sids of the flows' statements about every resource; each must have a reason."""
    return {
        statement["Sid"]
        for flow in flows
        for part in ("read", "change", "boundary")
        for statement in declared(flow).get(part, [])
        if "*" in as_list(statement["Resource"]) and statement["Reason"]
    }


def role_names(
    environment: Environment, flows: Iterable[str] | None = None
) -> dict[str, list[str]]:
    """Return for each owner of roles how their names begin, after the environment's prefix."""
    return {PLATFORM: ["network", PLATFORM]} | {
        flow: [flow.replace("_", "-"), *declared(flow).get("names", [])]
        for flow in (environment.variables["flows"] if flows is None else flows)
    }


def boundary_arn(environment: Environment, owner: str) -> str:
    """Return the ARN of the permissions boundary of an owner's roles."""
    name = f"{environment.prefix}-{owner.replace('_', '-')}-boundary"
    return f"arn:aws:iam::{environment.account_id}:policy/bootstrap/{name}"


def copy_bootstrap(folder: Path) -> Path:
    """Copy the bootstrap and the flows' rights, with the state in a file; return the root."""
    root = folder / "terraform"
    ignored = shutil.ignore_patterns(".terraform", "*.tfstate")
    shutil.copytree(BOOTSTRAP, root / "bootstrap", ignore=ignored)
    override = root / "bootstrap" / "backend_override.tf"
    override.write_text('terraform {\n  backend "local" {}\n}\n')
    copy_deploy_rights(root)
    return root


def copy_deploy_rights(root: Path) -> None:
    """Copy the flows' rights to a copy of the bootstrap, in place of those that are there."""
    shutil.rmtree(root / "flows", ignore_errors=True)
    for file in FLOWS.glob(f"*/{DEPLOY_RIGHTS}"):
        (root / "flows" / file.parent.name).mkdir(parents=True)
        shutil.copy(file, root / "flows" / file.parent.name)


def plan_bootstrap(
    root: Path, environment: Environment, endpoint: str, flows: Iterable[str], **more: Any
) -> JsonObject:
    """Plan a copy of the bootstrap on an emulator; return ``terraform show -json``.

    `more` are other values of its variables.

    Raises
    ------
    PlanError
        With Terraform's words in one line.
    """
    folder = root / "bootstrap"
    variables = {
        "environment": environment.name,
        "region": environment.region,
        "account_id": environment.account_id,
        "emulator_endpoint": endpoint,
        "database": environment.variables.get("database", {}),
        "flows": sorted(flows),
        "github_repository": "octo-org/flowbridge",
        "github_readers": ["pull_request"],
        **more,
    }
    (folder / "test.auto.tfvars.json").write_text(json.dumps(variables))
    process_environment = {
        **FASTER,
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "TF_"))
        },
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": environment.account_id,
        "AWS_SECRET_ACCESS_KEY": "test",
        "TF_CLI_CONFIG_FILE": str(terraform_cli_config() or ""),
    }

    def terraform(*arguments: str) -> str:
        result = subprocess.run(
            ["terraform", *arguments],
            cwd=folder,
            env=process_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise PlanError(" ".join(result.stderr.replace("│", " ").split()))
        return result.stdout

    if not (folder / ".terraform").exists():
        terraform("init", "-input=false", "-no-color")
    terraform("plan", "-input=false", "-no-color", "-out=plan")
    plan: JsonObject = json.loads(terraform("show", "-json", "plan"))
    return plan


def policies(plan: JsonObject) -> dict[str, JsonObject]:
    """Return the documents of the policies that a plan of the bootstrap makes, by name."""
    found: Iterable[JsonObject] = plan["planned_values"]["root_module"]["resources"]
    return {
        resource["values"]["name"]: json.loads(resource["values"]["policy"])
        for resource in found
        if resource["type"] == "aws_iam_policy"
    }


def room(plan: JsonObject) -> dict[str, list[dict[str, int]]]:
    """Return how full each policy is, by the role or boundary that it belongs to."""
    value: dict[str, Any] = plan["planned_values"]["outputs"]["rights_room"]["value"]
    return value
