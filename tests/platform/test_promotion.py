"""Three accounts, one way: what is built goes to dev, from there unchanged to qa and prd, and back.

The tests build on each other, in their order, on one emulator that keeps the accounts apart, with
the files and commands that an operator uses.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from build.package import CACHE, SOURCES, build
from ops.aws.clients import Aws
from ops.new_flow import flow_folders
from ops.releases.artifacts import Release, built
from ops.releases.deployment import Deployment
from ops.releases.provenance import here
from ops.settings import REPOSITORY
from ops.terraform.environments import STAGES, Environment
from ops.terraform.runner import ROOT, Terraform
from tests.support.account import left
from tests.support.flows import flow_with, promoted
from tests.support.platform import Platform, Run, wait_for
from tests.support.resources import Resource, of_type, resources, state_of, statements
from tests.support.rules import RULES, UNKNOWN

pytestmark = pytest.mark.xdist_group("promotion")

#: The flow that each environment has, and that a promotion tries.
FLOW = flow_with("smoke", STAGES[-1])
ORIGIN = replace(here(), is_changed=False)
#: Parts of every account that are created before its first release, because RDS takes a minute.
BEFORE_A_RELEASE = ("-target=module.network", "-target=module.database")


@dataclass
class Accounts:
    """The accounts of dev, qa and prd on one emulator."""

    platform: Platform
    folder: Path
    releases: dict[str, Release] = field(default_factory=dict)

    def make(self, *arguments: str) -> Run:
        """Type a command."""
        return self.platform.make(*arguments)

    def deployment(self, name: str) -> Deployment:
        """Return an environment."""
        settings = replace(self.platform.settings, emulated=True)
        aws = Aws(name, settings)
        return Deployment(Environment.named(name), aws, Terraform(name, settings, aws))

    def runs(self, name: str) -> str:
        """Return the release that an environment runs."""
        return self.deployment(name).release() or ""

    def release(self, title: str, **files: Callable[[str], str]) -> str:
        """Build the sources with some files changed, release them to dev, return the digest."""
        sources = self.folder / title
        shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("__pycache__"))
        for name, change in files.items():
            file = sources / FLOW / f"{name}.py"
            text = file.read_text()
            assert change(text) != text
            file.write_text(change(text))
        dist = self.folder / f"{title}-dist"
        build(sources, dist, CACHE)
        release, read = built(dist)
        self.deployment("dev").artifacts.put(release, read)
        return release.digest

    def code(self, name: str) -> set[tuple[str, str]]:
        """Return package and live code's digest of every function, whatever its name."""
        deployment = self.deployment(name)
        client = deployment.aws.client("lambda")
        return {
            (
                function["package"],
                client.get_function_configuration(FunctionName=function["name"], Qualifier="live")[
                    "CodeSha256"
                ],
            )
            for flow in deployment.terraform.outputs()["flows"].values()
            for function in flow["functions"].values()
        }


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """Three accounts with their bootstrap, dev deployed, the databases of the others there."""
    platform = Platform.new(REPOSITORY / ".local" / "test-promotion", promoted())
    # A canary's minutes would be minutes of the test.
    platform.more = {"FLOWBRIDGE_EMULATED": "yes", "CANARY_MINUTES": "0.1"}
    accounts = Accounts(platform, tmp_path_factory.mktemp("promotion"))
    try:
        up = platform.make("up")
        assert up.code == 0, up.text
        with ThreadPoolExecutor() as pool:
            for run in pool.map(lambda n: platform.make("bootstrap", f"ENV={n}"), STAGES):
                assert run.code == 0, run.text
            prepared = [pool.submit(prepare, accounts.deployment(name)) for name in ("qa", "prd")]
            dev = platform.make("apply", "ENV=dev")
            assert dev.code == 0, dev.text
            for future in prepared:
                future.result()
        yield accounts
    finally:
        down = platform.make("down")
        assert down.code == 0, down.text


@pytest.fixture(scope="module")
def made_in_dev(accounts: Accounts) -> list[Resource]:
    """The resources of dev, whose database is on RDS."""
    state = state_of(accounts.deployment("dev").terraform)
    return list(resources(state["values"]["root_module"]))


def prepare(deployment: Deployment) -> None:
    """Make the network and the database ahead, while another environment waits for its own."""
    deployment.terraform.init(lambda _: None)
    arguments = deployment.terraform.arguments(64 * "0")
    command = ("apply", "-auto-approve", "-input=false", "-no-color", *BEFORE_A_RELEASE, *arguments)
    run_terraform(deployment, *command)


def run_terraform(deployment: Deployment, *command: str) -> None:
    """Run Terraform itself, as an operator may."""
    result = subprocess.run(
        ["terraform", *command],
        cwd=ROOT,
        env=deployment.terraform.process_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_dev_runs_what_was_built_and_nothing_is_left_to_do(accounts: Accounts) -> None:
    plan = accounts.make("plan", "ENV=dev")
    assert plan.code == 0, plan.text

    release, _ = built(REPOSITORY / "build" / "dist")
    assert accounts.runs("dev") == release.digest
    accounts.releases["first"] = release
    # Tests run with uncommitted changes too, with which no release goes on.
    accounts.deployment("dev").artifacts.record_origin(release.digest, ORIGIN)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_was_made_keeps_the_rules_of_what_is_planned(
    made_in_dev: list[Resource], rule: Callable[[list[Resource]], None]
) -> None:
    rule(made_in_dev)


def test_all_that_rds_keeps_is_encrypted_by_the_platforms_key(made_in_dev: list[Resource]) -> None:
    [server] = of_type(made_in_dev, "aws_db_instance")
    [secret] = server.values["master_user_secret"]
    [key] = [
        key.values["arn"]
        for key in of_type(made_in_dev, "aws_kms_key")
        if key.address.startswith("module.database[")
    ]

    assert server.values["kms_key_id"] == secret["kms_key_id"] == key


def test_the_migration_alone_reads_the_administrators_secret(made_in_dev: list[Resource]) -> None:
    read = {re.sub(r" .*|\[[^]]*\]", "", s.address) for s in statements(made_in_dev)}
    # Those of flows that are not promoted are not made.
    absent = {*flow_folders(REPOSITORY)} - {*promoted()}
    assert {name for name in UNKNOWN if name.split(".")[1] not in absent} <= read

    [server] = of_type(made_in_dev, "aws_db_instance")
    [secret] = server.values["master_user_secret"]
    readers = [s for s in statements(made_in_dev) if secret["secret_arn"] in s.resources]
    [decrypt] = [s for s in statements(made_in_dev) if secret["kms_key_id"] in s.resources]

    assert [s.actions for s in readers] == [["secretsmanager:GetSecretValue"]]
    assert decrypt.actions == ["kms:Decrypt"]
    assert decrypt.address == readers[0].address
    assert ".module.migrate." in decrypt.address


def test_a_release_that_was_not_tried_goes_nowhere(accounts: Accounts) -> None:
    run = accounts.make("promote", "FROM=dev", "TO=qa", "CONFIRM=yes")

    assert run.code != 0
    assert "had no smoke test in 'dev'" in run.text


def test_a_synthetic_lead_goes_the_whole_way_and_leaves_nothing(accounts: Accounts) -> None:
    run = accounts.make("smoke", "ENV=dev")

    assert run.code == 0, run.text
    assert "1 in CLIENTS, 1 in PARTNERS, 1 in BENEFIT, removed" in run.text


def test_no_stage_is_left_out(accounts: Accounts) -> None:
    run = accounts.make("promote", "FROM=dev", "TO=prd", "CONFIRM=yes")

    assert run.code != 0
    assert "dev -> qa -> prd" in run.text


def test_nothing_happens_without_a_yes(accounts: Accounts) -> None:
    run = accounts.make("promote", "FROM=dev", "TO=qa")

    assert run.code != 0
    assert "Type CONFIRM=yes" in run.text
    assert accounts.runs("qa") == ""


@pytest.mark.parametrize(("source", "target"), [("dev", "qa"), ("qa", "prd")])
def test_the_same_bytes_go_on(accounts: Accounts, source: str, target: str) -> None:
    run = accounts.make("promote", f"FROM={source}", f"TO={target}", "CONFIRM=yes")

    assert run.code == 0, run.text
    assert "Smoke test passed" in run.text
    assert f"was built from {ORIGIN}" in run.text
    # prd.tfvars names no receiver as it is shipped.
    assert ("prd has no alarm_receivers" in run.text) == (target == "prd")
    assert accounts.runs(target) == accounts.releases["first"].digest
    # The next environment may have fewer flows, but no other bytes.
    assert {("crm", accounts.releases["first"].packages["crm"].sha256_base64)} <= (
        accounts.code(target)
    )
    assert accounts.code(target) <= accounts.code(source)


def test_no_environment_differs_from_its_code(accounts: Accounts) -> None:
    for name in ("qa", "prd"):
        drift = accounts.make("drift", f"ENV={name}")
        assert drift.code == 0, drift.text


def test_a_lead_in_prd_is_accounted_for_down_to_its_rows(accounts: Accounts) -> None:
    sent = accounts.make("send", "ENV=prd", f"FILE=examples/{FLOW}/event.json")
    assert sent.code == 0, sent.text

    def arrived() -> dict[str, Any] | None:
        run = accounts.make("-s", "reconcile", "ENV=prd", f"FLOW={FLOW}", "JSON=yes")
        report: dict[str, Any] = json.loads(run.text[run.text.index("{") :])
        return report if report["arrived"] else None

    report = wait_for(arrived, "the lead")

    # The database is private and asks for TLS; a function in its network counts the rows.
    assert (report["accepted"], report["arrived"], report["lost"]) == (1, 1, 0)
    assert report["rows_checked"]


def test_a_release_that_fails_in_dev_goes_nowhere(accounts: Accounts) -> None:
    def broken(text: str) -> str:
        return text + "\n\ndef handler(event, context):\n    raise RuntimeError('broken')\n"

    digest = accounts.release("second", receive_lead=broken)
    apply = accounts.make("apply", "ENV=dev", f"RELEASE={digest}")
    assert apply.code == 0, apply.text

    smoke = accounts.make("smoke", "ENV=dev")
    assert smoke.code != 0
    assert "ended as FAILED: RuntimeError" in smoke.text

    promote = accounts.make("promote", "FROM=dev", "TO=qa", "CONFIRM=yes")
    assert promote.code != 0
    assert f"The smoke test of release {digest[:12]} failed in 'dev'" in promote.text
    for name in ("qa", "prd"):
        assert accounts.runs(name) == accounts.releases["first"].digest


def test_the_lead_of_a_smoke_test_that_failed_is_not_to_be_sent_again(accounts: Accounts) -> None:
    run = accounts.make("dead-letters", "ENV=dev", f"FLOW={FLOW}")

    assert "nothing waits" in run.text


def test_code_that_somebody_changed_by_hand_is_found(accounts: Accounts) -> None:
    dev = accounts.deployment("dev")
    client = dev.aws.client("lambda")
    functions = dev.terraform.outputs()["flows"][FLOW]["functions"]
    name = functions["CreateBenefit"]["name"]
    before = client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    zip_of_another = dev.artifacts.read(accounts.releases["first"].packages["api_keys"])
    version = client.update_function_code(FunctionName=name, ZipFile=zip_of_another, Publish=True)[
        "Version"
    ]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)

    drift = accounts.make("drift", "ENV=dev")
    promote = accounts.make("promote", "FROM=dev", "TO=qa", "CONFIRM=yes")
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=before)

    assert drift.code != 0
    assert f"{name} runs code with SHA-256" in drift.text
    assert promote.code != 0
    assert "does not run the bytes of release" in promote.text


def test_a_corrected_release_goes_all_the_way(accounts: Accounts) -> None:
    digest = accounts.release("third", receive_lead=lambda text: text + "# Corrected.\n")
    for command in (
        ("apply", "ENV=dev", f"RELEASE={digest}"),
        ("smoke", "ENV=dev"),
        ("promote", "FROM=dev", "TO=qa", "CONFIRM=yes"),
        ("promote", "FROM=qa", "TO=prd", "CONFIRM=yes"),
    ):
        run = accounts.make(*command)
        assert run.code == 0, run.text
    assert "10 % of the calls to the new release" in run.text

    assert {accounts.runs(name) for name in STAGES} == {digest}


def test_prd_goes_back_to_the_release_before(accounts: Accounts) -> None:
    run = accounts.make("rollback", "ENV=prd", "CONFIRM=yes")

    assert run.code == 0, run.text
    assert "Smoke test passed" in run.text
    assert accounts.runs("prd") == accounts.releases["first"].digest
    assert accounts.code("prd") != accounts.code("qa")


def test_prds_database_is_not_destroyed_by_a_command_alone(accounts: Accounts) -> None:
    destroy = accounts.make("destroy", "ENV=prd", "CONFIRM=yes")

    assert destroy.code != 0
    assert "'prd' has resources with deletion protection: module.database" in destroy.text
    # Nothing is gone.
    drift = accounts.make("drift", "ENV=prd")
    assert drift.code == 0, drift.text


def test_what_is_destroyed_leaves_nothing(accounts: Accounts) -> None:
    rds = accounts.deployment("prd").aws.client("rds")
    rds.modify_db_instance(
        DBInstanceIdentifier="flowbridge-prd-database",
        DeletionProtection=False,
        ApplyImmediately=True,
    )

    unasked = accounts.make("destroy", "ENV=prd")
    assert unasked.code != 0
    assert "Type CONFIRM=yes" in unasked.text

    def destroy(name: str) -> Run:
        return accounts.make("destroy", f"ENV={name}", "CONFIRM=yes")

    with ThreadPoolExecutor() as pool:
        for run in pool.map(destroy, STAGES):
            assert run.code == 0, run.text

    for name in STAGES:
        found = left(accounts.deployment(name).aws)
        assert {kind: things for kind, things in found.items() if things} == {}
    snapshots = rds.describe_db_snapshots()["DBSnapshots"]
    [name] = [snapshot["DBSnapshotIdentifier"] for snapshot in snapshots]
    assert re.fullmatch(r"flowbridge-prd-database-final-[0-9a-f]{8}", name)
