"""A destroyed environment is created again at once, although its secrets' names stay taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.new_flow import flow_folders
from ops.settings import LOCAL, REPOSITORY
from ops.terraform.environments import Environment
from ops.terraform.runner import FLOWS
from tests.support.platform import Platform

#: Flows whose secrets get their values from their owners.
WITH_SECRETS = [
    flow
    for flow in sorted(flow_folders(REPOSITORY))
    if 'resource "aws_secretsmanager_secret"' in (FLOWS / flow / "main.tf").read_text()
]
VALUE = "token of the owner"


def succeed(environment: Platform, *commands: str) -> None:
    """Type commands, each of which must succeed."""
    for command in commands:
        run = environment.make(command)
        assert run.code == 0, run.text


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Platform]:
    """An environment with one such flow, whose emulator has AWS's quotas."""
    flow = WITH_SECRETS[0]
    flows = {flow: Environment("dev").variables["flows"][flow]}
    environment = Platform.new(tmp_path / "environment", flows)
    environment.more = {"FLOWBRIDGE_QUOTAS": "aws"}
    try:
        succeed(environment, "up", "bootstrap", "release")
        yield environment
    finally:
        succeed(environment, "down")


def test_an_environment_is_destroyed_and_created_again(environment: Platform) -> None:
    secrets = environment.aws.client("secretsmanager")

    def names() -> set[str]:
        return {each["Name"] for each in secrets.list_secrets()["SecretList"]}

    succeed(environment, "apply")
    [flow] = environment.outputs["flows"].values()
    name = next(iter(flow["secrets"].values()))["name"]
    secrets.put_secret_value(SecretId=name, SecretString=VALUE)
    before = names()

    succeed(environment, "destroy")
    assert name not in names()
    with pytest.raises(secrets.exceptions.InvalidRequestException, match="scheduled for deletion"):
        secrets.create_secret(Name=name, SecretString="another")

    # A deleted secret of something else is left alone.
    own = f"{Environment(LOCAL).prefix}-database-application"
    secrets.delete_secret(SecretId=own, ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name=own, SecretString="another")
    secrets.delete_secret(SecretId=own)
    apply = environment.make("apply")
    assert apply.code != 0
    assert f"The deleted secret {own} keeps its name and has not the tags" in apply.text
    assert secrets.describe_secret(SecretId=own)["DeletedDate"]
    secrets.delete_secret(SecretId=own, ForceDeleteWithoutRecovery=True)

    succeed(environment, "apply")
    assert names() == before
    # The window is there for exactly this: the owner need not bring the token again.
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == VALUE
    plan = environment.make("plan")
    assert "No changes." in plan.text, plan.text
