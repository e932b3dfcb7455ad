"""Resources that exist although the state lacks them are found, and imported if they are ours."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from ops.aws.clients import Aws
from ops.settings import LocalSettings, Ports
from ops.terraform import adoption
from ops.terraform.adoption import EXISTS, FINDERS, Leftover, leftovers
from ops.terraform.emulator_watch import EmulatorWatch
from ops.terraform.links import linked

TRUST = '{"Version": "2012-10-17", "Statement": []}'


def planned(kind: str, actions: list[str] | None = None, **after: Any) -> dict[str, Any]:
    change = {"actions": actions or ["create"], "after": after}
    return {"address": f"module.m.{kind}.this", "type": kind, "change": change}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "Get")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The clients of an empty account of moto."""
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        session = boto3.Session(region_name="us-east-1")
        yield session.client


def test_what_a_plan_would_create_a_second_time_is_found(client: Any) -> None:
    client("iam").create_role(RoleName="exists", AssumeRolePolicyDocument=TRUST)
    client("logs").create_log_group(logGroupName="/group")
    client("sqs").create_queue(QueueName="queue")
    api = client("apigateway").create_rest_api(name="api")["id"]
    secret = client("secretsmanager").create_secret(Name="secret", SecretString="s")["ARN"]
    plan = {
        "resource_changes": [
            planned("aws_iam_role", name="exists"),
            planned("aws_iam_role", name="missing"),
            planned("aws_iam_role", ["update"], name="exists"),
            planned("aws_cloudwatch_log_group", name="/group"),
            planned("aws_cloudwatch_log_group", name="/gro"),
            planned("aws_sqs_queue", name="queue"),
            planned("aws_api_gateway_rest_api", name="api"),
            planned("aws_api_gateway_stage", stage_name="live"),  # its API is not known yet
            planned("aws_secretsmanager_secret", name="secret"),
            planned("aws_dynamodb_table", name="missing"),
            planned("aws_s3_bucket", bucket="missing"),
            planned("aws_lambda_function", function_name="missing"),
            planned("aws_iam_role_policy", name="is put, and never a second time"),
        ]
    }

    found = {each.address.split(".")[2]: each.identifier for each in leftovers(client, plan)}

    assert found == {
        "aws_iam_role": "exists",
        "aws_cloudwatch_log_group": "/group",
        "aws_sqs_queue": client("sqs").get_queue_url(QueueName="queue")["QueueUrl"],
        "aws_api_gateway_rest_api": api,
        "aws_secretsmanager_secret": secret,
    }


def test_a_secret_that_is_about_to_be_deleted_is_not_adopted(client: Any) -> None:
    client("secretsmanager").create_secret(Name="secret", SecretString="s")
    client("secretsmanager").delete_secret(SecretId="secret")

    plan = {"resource_changes": [planned("aws_secretsmanager_secret", name="secret")]}
    assert leftovers(client, plan) == []


def test_a_deleted_secret_whose_name_a_plan_needs_is_found_with_its_tags(client: Any) -> None:
    manager = client("secretsmanager")
    for name in ("deleted", "there", "other"):
        manager.create_secret(Name=name, Tags=[{"Key": "environment", "Value": "qa"}])
    for name in ("deleted", "other"):
        manager.delete_secret(SecretId=name)
    kind = "aws_secretsmanager_secret"
    plan = {
        "resource_changes": [
            planned(kind, name="deleted"),
            planned(kind, name="there"),
            planned(kind, name="missing"),
            planned(kind, ["delete"], name="other"),
            planned("aws_sqs_queue", name="other"),
        ]
    }

    found = adoption.deleted_secrets(client, plan)

    assert [(each.name, each.tags) for each in found] == [("deleted", {"environment": "qa"})]


def test_a_parameter_group_is_found_by_the_beginning_of_its_name_and_its_family(
    client: Any,
) -> None:
    for name, family in {"one-2026": "mariadb10.11", "one-2027": "mariadb11.8"}.items():
        client("rds").create_db_parameter_group(
            DBParameterGroupName=name, DBParameterGroupFamily=family, Description="d"
        )
    kind = "aws_db_parameter_group"
    plan = {
        "resource_changes": [
            planned(kind, name_prefix="one-", family="mariadb11.8"),
            planned(kind, name_prefix="one-", family="mariadb11.4"),
            planned(kind, name_prefix="two-", family="mariadb11.8"),
        ]
    }

    assert [each.identifier for each in leftovers(client, plan)] == ["one-2027"]


@pytest.mark.parametrize(
    "code", ["ResourceNotFoundException", "404", "403", "AccessDeniedException"]
)
def test_what_cannot_be_seen_is_not_adopted(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: Any) -> str:
        raise refused(code)

    monkeypatch.setitem(FINDERS, "aws_iam_role", find)

    assert leftovers(lambda _: None, {"resource_changes": [planned("aws_iam_role")]}) == []


def test_other_errors_are_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: Any) -> str:
        raise refused("ThrottlingException")

    monkeypatch.setitem(FINDERS, "aws_iam_role", find)

    with pytest.raises(ClientError):
        leftovers(lambda _: None, {"resource_changes": [planned("aws_iam_role")]})


@pytest.mark.parametrize(
    ("text", "exists"),
    [
        ("ResourceConflictException: Function already exist: f", True),
        ("EntityAlreadyExists: Role with name r already exists.", True),
        ("ConflictException: Stage already exists", True),
        ("BucketAlreadyOwnedByYou", True),
        ("ResourceInUseException: Table already exists: t", True),
        ("QueueNameExists", True),
        ("a secret with this name is already scheduled for deletion.", True),
        ("AccessDenied: not authorized to perform iam:CreateRole", False),
        ("InvalidParameterValueException: The role cannot be assumed", False),
    ],
)
def test_a_creation_that_failed_because_of_what_exists_is_known(text: str, exists: bool) -> None:
    assert bool(EXISTS.search(text)) is exists


def importing(kind: str, actions: list[str], tags: Any = None) -> dict[str, Any]:
    before = {} if tags is None else {"tags_all": tags}
    change = {"actions": actions, "importing": {"id": "i"}, "before": before}
    return {"address": f"{kind}.this", "type": kind, "change": change}


def test_what_has_other_tags_is_not_ours() -> None:
    ours = {"project": "flowbridge", "environment": "dev"}
    plan = {
        "resource_changes": [
            importing("aws_iam_role", ["no-op"], {**ours, "more": "tags"}),
            importing("aws_sqs_queue", ["no-op"], {**ours, "environment": "qa"}),
            importing("aws_dynamodb_table", ["update"], {}),
            importing("aws_lambda_alias", ["no-op"]),  # has no tags
            {**planned("aws_s3_bucket")},
        ]
    }

    assert adoption.foreign(plan, ours) == ["aws_sqs_queue.this", "aws_dynamodb_table.this"]


def test_no_data_are_replaced() -> None:
    plan = {
        "resource_changes": [
            importing("aws_dynamodb_table", ["delete", "create"]),
            importing("aws_dynamodb_table", ["update"]),
            importing("aws_lambda_function", ["delete", "create"]),
        ]
    }

    assert adoption.replaced(plan) == ["aws_dynamodb_table.this"]


def test_a_bucket_without_tags_was_cut_off_before_its_second_call() -> None:
    ours = {"project": "flowbridge", "environment": "dev"}
    plan = {
        "resource_changes": [
            importing("aws_s3_bucket", ["update"], {}),
            importing("aws_sqs_queue", ["update"], {}),
        ]
    }
    other = {"resource_changes": [importing("aws_s3_bucket", ["update"], {"owner": "another"})]}

    assert adoption.foreign(plan, ours) == ["aws_sqs_queue.this"]
    assert adoption.foreign(other, ours) == ["aws_s3_bucket.this"]


def test_a_bucket_of_another_account_is_not_found() -> None:
    class Account:
        """An account in which every bucket of this name is another's."""

        def get_caller_identity(self) -> dict[str, str]:
            return {"Account": "111111111111"}

        def head_bucket(self, **call: str) -> None:
            assert call == {"Bucket": "taken", "ExpectedBucketOwner": "111111111111"}
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")

    assert adoption.find(lambda _: Account(), "aws_s3_bucket", {"bucket": "taken"}) is None


def test_the_module_is_linked_and_not_changed(tmp_path: Path) -> None:
    root = tmp_path / "repository" / "terraform"
    (root / "modules").mkdir(parents=True)
    (root.parent / "build").mkdir()
    (root / "main.tf").write_text("")
    (root / "terraform.tfstate").write_text("")
    before = sorted(root.iterdir())

    with linked(root) as copy:
        with adoption.with_imports(copy, [Leftover('m["a"].r.this', 'a"b${c}')]):
            text = (copy / adoption.IMPORTS_FILE).read_text()
            names = sorted(file.name for file in copy.iterdir())
        assert not (copy / adoption.IMPORTS_FILE).exists()
        assert (copy.parent / "build").is_dir()

    assert text == 'import {\n  to = m["a"].r.this\n  id = "a\\"b$${c}"\n}\n'
    assert names == ["adopted.tf", "main.tf", "modules"]
    assert sorted(root.iterdir()) == before
    assert not copy.exists()


def sleeper() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    return subprocess.Popen(command, start_new_session=True, text=True)


def test_terraform_ends_with_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.terraform.emulator_watch.SECONDS", 0.05)
    begin = time.monotonic()
    with sleeper() as process, EmulatorWatch(process, 1) as watch:
        process.wait(20)

    assert watch.found_none
    assert time.monotonic() - begin < 20
    assert process.returncode == -9


def test_terraform_goes_on_while_the_emulator_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr("ops.terraform.emulator_watch.SECONDS", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as listener, sleeper() as process:
        with EmulatorWatch(process, listener.getsockname()[1]) as watch:
            time.sleep(0.5)
        with EmulatorWatch(process, None) as none:
            time.sleep(0.2)
        running = process.poll() is None
        process.kill()

    assert running
    assert not watch.found_none
    assert not none.found_none


def test_a_client_is_made_in_one_thread_at_a_time(tmp_path: Path) -> None:
    """boto3 allows no more."""
    aws = Aws("local", LocalSettings(tmp_path, Ports(emulator=1, database=2)))
    under_way: list[str] = []
    most = 0

    def client(service: str) -> Any:
        nonlocal most
        under_way.append(service)
        most = max(most, len(under_way))
        time.sleep(0.01)
        under_way.remove(service)
        return aws.client(service)

    def find(client: Any, _: Any) -> str:
        client("sts")
        return "i"

    plan = {"resource_changes": [planned("aws_iam_role") for _ in range(8)]}
    before = FINDERS["aws_iam_role"]
    FINDERS["aws_iam_role"] = find  # type: ignore[index]
    try:
        assert len(leftovers(client, plan)) == 8
    finally:
        FINDERS["aws_iam_role"] = before  # type: ignore[index]
    assert most == 1
