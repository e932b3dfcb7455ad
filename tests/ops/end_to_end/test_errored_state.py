"""The next command writes a state that Terraform could not write, or says why it does not.

Real Terraform works on an emulator that refuses the write. The modules have one resource, which
needs no provider.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.aws.clients import Aws
from ops.errors import OperationError
from ops.settings import LOCAL, LocalSettings, Ports
from ops.terraform import adoption, runner
from ops.terraform.runner import BOOTSTRAP_STATE_KEY, ERRORED_STATE, Terraform
from tests.support.emulator import running_emulator
from tests.support.fault_proxy import Fault, FaultProxy

# One emulator for all of them.
pytestmark = pytest.mark.xdist_group("errored-state")

HEAD = 'terraform {\n  backend "s3" {}\n}\n'
BOOTSTRAP_INPUTS = {
    **dict.fromkeys(("environment", "region", "account_id", "emulator_endpoint"), "string"),
    **dict.fromkeys(("database", "flows"), "any"),
}


def refused(key: str) -> Fault:
    """S3 refuses every write of a state."""
    return Fault(f"/{key}?x-id=PutObject".encode(), status=403, delivered=False)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    """An emulator behind a proxy."""
    with running_emulator(tmp_path_factory.mktemp("emulator")) as settings:
        proxy = FaultProxy(settings.ports.emulator)
        yield proxy
        proxy.close()


class Account:
    """The local environment's Terraform with a small root module and a small bootstrap."""

    def __init__(self, folder: Path, proxy: FaultProxy) -> None:
        settings = LocalSettings(folder / "local", Ports(emulator=proxy.port, database=1))
        self.proxy = proxy
        self.root = folder / "repository" / "terraform"
        self.bootstrap = self.root / "bootstrap"
        self.bootstrap.mkdir(parents=True)
        for module in (self.root, self.bootstrap):
            (module / ".terraform.lock.hcl").touch()
        self.aws = Aws(LOCAL, settings)
        self.terraform = Terraform(LOCAL, settings, self.aws)
        self.environment = self.terraform.environment
        self.s3 = self.aws.client("s3")
        (self.bootstrap / "variables.tf").write_text(
            "".join(
                f'variable "{name}" {{ type = {kind} }}\n'
                for name, kind in BOOTSTRAP_INPUTS.items()
            )
        )
        self.write(self.root, "first")
        self.write(self.bootstrap, "bucket")

    def write(self, folder: Path, *names: str) -> None:
        """Give a module these resources, and an output."""
        resources = "".join(f'resource "terraform_data" "{name}" {{}}\n' for name in names)
        (folder / "main.tf").write_text(f'{HEAD}{resources}output "any" {{\n  value = 1\n}}\n')

    def state(self, key: str = "") -> list[str]:
        """Return the names of the resources in a state, the root module's by default."""
        found = self.s3.get_object(
            Bucket=self.environment.state_bucket, Key=key or self.environment.state_key
        )
        return sorted(resource["name"] for resource in json.load(found["Body"])["resources"])

    def apply(self) -> str:
        return self.terraform.apply(lambda _: None)

    def fail_to_write(self) -> OperationError:
        """Apply a second resource while S3 refuses the state."""
        self.write(self.root, "first", "second")
        with (
            self.proxy.fault(refused(self.environment.state_key)),
            pytest.raises(OperationError) as caught,
        ):
            self.apply()
        return caught.value

    def kept(self) -> list[Path]:
        """Return the states that could not be written."""
        return sorted(self.root.parent.parent.rglob(f"*{ERRORED_STATE}"))


@pytest.fixture
def account(
    tmp_path: Path, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Account]:
    account = Account(tmp_path, proxy)
    monkeypatch.setattr(runner, "ROOT", account.root)
    monkeypatch.setattr(runner, "BOOTSTRAP", account.bootstrap)
    account.s3.create_bucket(Bucket=account.environment.state_bucket)
    yield account
    bucket = account.environment.state_bucket
    for item in account.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        account.s3.delete_object(Bucket=bucket, Key=item["Key"])


def test_the_next_command_writes_the_state(account: Account) -> None:
    account.apply()

    failure = account.fail_to_write()

    [kept] = account.kept()
    assert "save state" in failure.problem
    assert failure.action == (
        f"Type the command again. It first writes the state, which is in {kept}."
    )
    assert account.state() == ["first"]

    account.terraform.outputs()

    assert account.state() == ["first", "second"]
    assert account.kept() == []
    assert "0 added" in account.apply()


def test_a_state_that_a_killed_command_left_in_the_module_is_written(account: Account) -> None:
    account.apply()
    account.fail_to_write()
    shutil.move(account.kept()[0], account.root / ERRORED_STATE)

    account.terraform.outputs()

    assert account.state() == ["first", "second"]
    assert account.kept() == []


def test_a_state_of_another_environment_stays(account: Account) -> None:
    account.apply()
    left = account.root / ERRORED_STATE
    left.write_text(json.dumps({"version": 4, "lineage": "another", "serial": 9}))

    account.terraform.outputs()

    assert account.state() == ["first"]
    assert account.kept() == [left]


def test_a_state_that_was_changed_since_is_kept_and_named(account: Account) -> None:
    account.apply()
    account.fail_to_write()
    [kept] = account.kept()
    aside = kept.rename(kept.with_name("aside"))
    account.write(account.root, "third")
    account.apply()
    aside.rename(kept)

    with pytest.raises(OperationError, match="state push") as caught:
        account.terraform.outputs()

    assert str(kept) in caught.value.action
    assert "terraform state push" in caught.value.action
    assert kept.exists()
    assert account.state() == ["third"]


def test_the_state_of_the_bootstrap_is_written_by_the_next_bootstrap(account: Account) -> None:
    def bootstrap() -> bool:
        return account.terraform.bootstrap(lambda _: None)

    assert bootstrap()
    account.write(account.bootstrap, "bucket", "role")
    with (
        account.proxy.fault(refused(BOOTSTRAP_STATE_KEY)),
        pytest.raises(OperationError, match="save state"),
    ):
        bootstrap()
    account.write(account.bootstrap, "bucket")

    # Not into the state of the platform, which there is none of yet.
    account.apply()
    assert account.state() == ["first"]

    assert bootstrap()
    assert account.state(BOOTSTRAP_STATE_KEY) == ["bucket"]
    assert account.kept() == []
    assert not bootstrap()


def test_what_an_interrupted_bootstrap_created_is_completed_and_not_replaced(
    account: Account,
) -> None:
    def bucket(command: str) -> None:
        """Give the bootstrap a resource that must not be replaced, and ends with a command."""
        account.write(account.bootstrap)
        with (account.bootstrap / "main.tf").open("a") as file:
            file.write(
                'resource "terraform_data" "bucket" {\n'
                "  lifecycle {\n    prevent_destroy = true\n  }\n"
                f'  provisioner "local-exec" {{\n    command = "{command}"\n  }}\n}}\n'
            )

    bucket("exit 1")
    with pytest.raises(OperationError, match="local-exec"):
        account.terraform.bootstrap(lambda _: None)
    bucket("exit 0")

    assert account.terraform.bootstrap(lambda _: None)

    assert account.state(BOOTSTRAP_STATE_KEY) == ["bucket"]


def test_a_state_is_kept_when_an_adoption_could_not_write_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adoption works in a copy of the module, which is gone afterwards."""
    account.apply()
    exists = [adoption.Leftover("terraform_data.second", "an-id")]
    with monkeypatch.context() as patch:
        patch.setattr(adoption, "leftovers", lambda *_: exists)
        (account.terraform._folder / f"{account.root.name}.unfinished").touch()
        failure = account.fail_to_write()

    [kept] = account.kept()
    assert str(kept) in failure.action
    account.terraform.outputs()

    assert account.state() == ["first", "second"]
    assert account.kept() == []
