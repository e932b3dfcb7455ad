"""Terraform's state of the local environment, and its plans for AWS accounts."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, cast

import boto3
import pytest
import tftest

from build.package import DIST
from ops.local.prepare import terraform_cli_config
from ops.settings import LOCAL, REPOSITORY
from ops.terraform.environments import STAGES, Environment
from ops.terraform.runner import FASTER, ROOT
from tests.support.emulator import running_emulator
from tests.support.platform import Platform
from tests.support.resources import Resource, planned_resources, resources, state_of

MANIFEST = DIST / "manifest.json"


@pytest.fixture(scope="session")
def state(platform: Platform) -> dict[str, Any]:
    """The local environment's state, as ``terraform show -json`` gives it."""
    return state_of(platform.terraform)


@pytest.fixture(scope="session")
def made(state: dict[str, Any]) -> list[Resource]:
    """The resources of the local environment."""
    return list(resources(state["values"]["root_module"]))


@pytest.fixture(scope="session")
def terraform_of(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], tftest.TerraformTest]]:
    """Return Terraform for an environment, in a copy of the repository whose state is a file.

    The account is one of the emulator's, which keeps accounts apart by the access key.
    """
    folder = tmp_path_factory.mktemp("environments")
    shutil.copytree(ROOT, folder / "terraform", ignore=shutil.ignore_patterns(".terraform"))
    for name in ("lambda_src", "build", "web"):
        (folder / name).symlink_to(REPOSITORY / name)
    override = folder / "terraform" / "backend_override.tf"
    override.write_text('terraform {\n  backend "local" {}\n}\n')
    with running_emulator(folder) as settings:

        @cache
        def terraform_of_account(name: str) -> tftest.TerraformTest:
            variables = {
                **FASTER,
                **{
                    name: value for name, value in os.environ.items() if not name.startswith("AWS_")
                },
                "AWS_ENDPOINT_URL": settings.endpoint,
                "AWS_ACCESS_KEY_ID": Environment(name).account_id,
                "AWS_SECRET_ACCESS_KEY": "test",
                "TF_DATA_DIR": str(folder / "data"),
            }
            if (configuration := terraform_cli_config()) is not None:
                variables["TF_CLI_CONFIG_FILE"] = str(configuration)
            new = cast(Any, tftest.TerraformTest)  # it ships no types
            terraform: tftest.TerraformTest = new(str(folder / "terraform"), env=variables)
            if not (folder / "data").exists():
                terraform.setup(cleanup_on_exit=False)
            put_release(Environment(name), settings.endpoint)
            return terraform

        yield terraform_of_account


def put_release(environment: Environment, endpoint: str) -> None:
    """Put the manifest of what was built into an environment's bucket, as a release does."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=environment.region,
        aws_access_key_id=environment.account_id,
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=environment.artifact_bucket)
    client.put_object(
        Bucket=environment.artifact_bucket,
        Key=f"releases/{json.loads(MANIFEST.read_text())['release']}.json",
        Body=MANIFEST.read_bytes(),
        ContentType="application/json",
    )


@pytest.fixture(scope="session")
def terraform_of_dev(
    terraform_of: Callable[[str], tftest.TerraformTest],
) -> tftest.TerraformTest:
    """Terraform for ``dev``."""
    return terraform_of("dev")


@pytest.fixture(scope="session")
def plan_of(
    terraform_of: Callable[[str], tftest.TerraformTest],
) -> Callable[[str], list[Resource]]:
    """Return the resources that an environment would have."""

    @cache
    def plan(name: str) -> list[Resource]:
        plan = terraform_of(name).plan(
            tf_var_file=f"envs/{name}.tfvars",
            tf_vars={"release": json.loads(MANIFEST.read_text())["release"]},
            output=True,
        )
        return planned_resources(plan)

    return plan


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest) -> str:
    """Each environment of AWS in turn."""
    return str(request.param)


@pytest.fixture
def planned(stage: str, plan_of: Callable[[str], list[Resource]]) -> list[Resource]:
    """The resources that the environment would have."""
    return [replace(resource) for resource in plan_of(stage)]


@pytest.fixture(
    params=[
        pytest.param(
            name,
            marks=pytest.mark.xdist_group("platform" if name == LOCAL else "terraform_of"),
        )
        for name in (LOCAL, *STAGES)
    ]
)
def found(request: pytest.FixtureRequest) -> list[Resource]:
    """The resources of the local environment, then those that each of AWS would have."""
    if request.param == LOCAL:
        value: list[Resource] = request.getfixturevalue("made")
    else:
        value = request.getfixturevalue("plan_of")(request.param)
    return [replace(resource) for resource in value]
