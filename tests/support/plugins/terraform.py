"""Terraform's state of the local environment, and its plans for AWS accounts."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, cast

import boto3
import pytest
import tftest

from build.package import DIST
from ops.local.prepare import terraform_cli_config
from ops.new_flow import flow_folders
from ops.settings import REPOSITORY
from ops.terraform.environments import STAGES, Environment
from ops.terraform.links import link_with_flows
from ops.terraform.runner import FASTER, ROOT
from tests.support.emulator import running_emulator
from tests.support.flows import (
    active,
    chosen,
    parts,
    with_own_environment,
)
from tests.support.plans import plan_with
from tests.support.platform import Platform
from tests.support.resources import Resource, of_type, planned_resources, resources, state_of

#: The tests of every flow go through the flows' own environments too.
GENERIC = REPOSITORY / "tests" / "every_flow"
MANIFEST = DIST / "manifest.json"


class Found(list[Resource]):
    """Resources of an environment, and whether it has all of its flows.

    Then it must have what the tests look for; one flow alone may do without.
    """

    whole = True

    @classmethod
    def of(cls, resources: Iterable[Resource], whole: bool) -> Found:
        """Return resources, in copies."""
        found = cls(replace(resource) for resource in resources)
        found.whole = whole
        return found

    def of_type(self, kind: str) -> list[Resource]:
        """Return the resources of one type; there must be some if the environment is whole."""
        return of_type(self, kind) if self.whole else [r for r in self if r.type == kind]


@pytest.fixture(scope="session")
def state_by(request: pytest.FixtureRequest) -> Callable[[str], dict[str, Any]]:
    """Return the state of a shared environment or of a flow's own, by its name.

    It is what ``terraform show -json`` gives.
    """

    @cache
    def state(name: str) -> dict[str, Any]:
        fixture = "shared_environment" if name in parts() else "own_environment"
        platform: Platform = request.getfixturevalue(fixture)(name)
        return state_of(platform.terraform)

    return state


@pytest.fixture(scope="module")
def made(platform: Platform) -> list[Resource]:
    """The resources of the shared environment that the module tests."""
    return list(resources(state_of(platform.terraform)["values"]["root_module"]))


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
            flows = [chosen()] if chosen() else active(name)
            if {*flows} != {*flow_folders(REPOSITORY)}:
                link_with_flows(folder / "terraform", folder / name / "terraform", flows)
                terraform.tfdir = str(folder / name / "terraform")
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
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], list[Resource]]:
    """Return the resources that an environment would have."""

    @cache
    def plan(name: str) -> list[Resource]:
        release = json.loads(MANIFEST.read_text())["release"]
        terraform = terraform_of(name)
        if not chosen():
            file = f"envs/{name}.tfvars"
            plan = terraform.plan(tf_var_file=file, tf_vars={"release": release}, output=True)
            return planned_resources(plan)
        values = Environment(name).variables
        flows = {chosen(): values["flows"][chosen()]}
        folder = tmp_path_factory.mktemp(name)
        return plan_with(terraform, folder, name, release=release, flows=flows)

    return plan


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Go through the environments of AWS that have what is tested, and those that run.

    For one flow alone, the first of AWS is enough: the others differ by settings.
    """
    stages = [name for name in STAGES if not chosen() or chosen() in active(name)]
    stages = stages[:1] if chosen() else stages
    is_generic = metafunc.definition.path.is_relative_to(GENERIC)
    own = with_own_environment() if is_generic else []
    running = [*parts(), *own]
    for name, values in {"stage": stages, "found": [*running, *stages]}.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, indirect=True)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> str:
    """Each environment of AWS in turn."""
    return str(request.param)


@pytest.fixture
def planned(stage: str, plan_of: Callable[[str], list[Resource]]) -> Found:
    """The resources that the environment would have."""
    return Found.of(plan_of(stage), whole=not chosen())


@pytest.fixture
def found(request: pytest.FixtureRequest) -> Found:
    """The resources of the environments that run, then those that each of AWS would have."""
    name = request.param
    if name in STAGES:
        return Found.of(request.getfixturevalue("plan_of")(name), whole=not chosen())
    state = request.getfixturevalue("state_by")(name)
    return Found.of(resources(state["values"]["root_module"]), whole=False)
