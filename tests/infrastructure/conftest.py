"""What Terraform makes here, and what it plans for an account of AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import boto3
import pytest
import tftest

from ops.environments import read_hcl
from ops.prepare import terraform_cli_config
from ops.settings import REPOSITORY
from ops.terraform import ROOT
from tests.support.emulator import running_emulator
from tests.support.platform import Platform
from tests.support.resources import Resource, resources


@pytest.fixture(scope="session")
def state(platform: Platform) -> dict[str, Any]:
    """The local environment's state, as ``terraform show -json`` gives it."""
    result = subprocess.run(
        ["terraform", "show", "-json"],
        cwd=ROOT,
        env=platform.terraform.process_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    value: dict[str, Any] = json.loads(result.stdout)
    return value


@pytest.fixture(scope="session")
def made(state: dict[str, Any]) -> list[Resource]:
    """The resources of the local environment."""
    return list(resources(state["values"]["root_module"]))


@pytest.fixture(scope="session")
def terraform_of_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tftest.TerraformTest]:
    """Terraform for ``dev``, in a copy of the repository whose state is a file.

    The account is one of the emulator's, which keeps accounts apart by the access key.
    """
    folder = tmp_path_factory.mktemp("dev")
    shutil.copytree(ROOT, folder / "terraform", ignore=shutil.ignore_patterns(".terraform"))
    for name in ("lambda_src", "build"):
        (folder / name).symlink_to(REPOSITORY / name)
    override = folder / "terraform" / "backend_override.tf"
    override.write_text('terraform {\n  backend "local" {}\n}\n')
    variables = read_hcl(ROOT / "envs" / "dev.tfvars")
    with running_emulator(folder) as settings:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ENDPOINT_URL": settings.endpoint,
            "AWS_ACCESS_KEY_ID": variables["account_id"],
            "AWS_SECRET_ACCESS_KEY": "test",
            "TF_DATA_DIR": str(folder / "data"),
        }
        if (configuration := terraform_cli_config()) is not None:
            environment["TF_CLI_CONFIG_FILE"] = str(configuration)
        boto3.client(
            "secretsmanager",
            endpoint_url=settings.endpoint,
            region_name=variables["region"],
            aws_access_key_id=variables["account_id"],
            aws_secret_access_key="test",
        ).create_secret(
            Name=variables["database"]["on_premises"]["admin_secret_name"],
            SecretString='{"username": "administrator", "password": "secret"}',
        )
        new = cast(Any, tftest.TerraformTest)  # it ships no types
        terraform = new(str(folder / "terraform"), env=environment)
        terraform.setup(cleanup_on_exit=False)
        yield terraform


@pytest.fixture(scope="session")
def planned(terraform_of_dev: tftest.TerraformTest) -> list[Resource]:
    """The resources that ``dev`` would have."""
    plan = terraform_of_dev.plan(tf_var_file="envs/dev.tfvars", output=True)
    return list(resources(plan.planned_values["root_module"]))


@pytest.fixture(params=["made", "planned"])
def found(request: pytest.FixtureRequest) -> list[Resource]:
    """The resources of the local environment, then those of ``dev``."""
    value: list[Resource] = request.getfixturevalue(request.param)
    return [replace(resource) for resource in value]
