"""Which release runs where, and what may go on to the next environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from ops.aws.clients import Aws
from ops.errors import OperationError
from ops.releases import deploy
from ops.releases.artifacts import Release
from ops.releases.deploy import apply, destroy, promote, rollback
from ops.releases.deployment import Deployment, check_stages
from ops.releases.provenance import Origin, here
from ops.releases.smoke import SmokeTestFailed
from ops.terraform.environments import Environment
from ops.terraform.runner import Terraform, differences
from tests.support.releases import release_of

OLDEST = release_of(one=b"oldest")
OLD = release_of(one=b"old")
NEW = release_of(one=b"new")


BYTES = {OLDEST.digest: b"oldest", OLD.digest: b"old", NEW.digest: b"new"}


class FakeTerraform:
    """Records each applied release, and makes it the running one as Terraform does."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.applied: list[str] = []
        self.variables: dict[str, Any] = {}
        self.plan_of_changes: dict[str, Any] = {}
        #: The digest of the package that it uploaded last.
        self.uploaded = ""

    def outputs(self) -> dict[str, Any]:
        function = {"name": self._account.function, "package": "one"}
        return {
            "event_bus_name": "bus",
            "event_audit": {"queue_url": self._account.queue},
            "flows": {"flow": {"functions": {"State": function}}},
        }

    def plan_changes(self, _: Any, file: Any, release: str, **variables: Any) -> Mapping[str, Any]:
        self.variables = variables
        file.write_text(release)
        return self.plan_of_changes

    def plan_destroy(self, _: Any, file: Any, release: str | None) -> Mapping[str, Any]:
        file.write_text("")
        return self.plan_of_changes

    def apply_plan(self, file: Any, _: Any) -> str:
        return self.apply(_, file.read_text())

    destroy = apply_plan

    def apply(self, _: Any, release: str | None, **_variables: Any) -> str:
        self.applied.append(release or "")
        if release:
            self._account.run(release)
        return "Apply complete!"


class Account:
    """An environment: its bucket, its release parameter, the code that its function runs."""

    def __init__(self, name: str, clients: Callable[[str], Any]) -> None:
        self._clients = clients
        self._parameter = f"/flowbridge/{name}/release"
        self.function = f"flowbridge-{name}-function"
        self.queue = clients("sqs").create_queue(QueueName=f"flowbridge-{name}-audit")["QueueUrl"]
        environment = Environment(name)
        clients("s3").create_bucket(Bucket=environment.artifact_bucket)
        self.terraform = FakeTerraform(self)
        self.deployment = Deployment(
            environment,
            cast(Aws, SimpleNamespace(client=clients, environment=name)),
            cast(Terraform, self.terraform),
        )

    def run(self, digest: str) -> None:
        """Have a release run, as an apply does, which uploads only packages that changed."""
        functions = self._clients("lambda")
        if not self.terraform.uploaded:
            trust = json.dumps({"Version": "2012-10-17", "Statement": []})
            made = self._clients("iam").create_role(
                RoleName=self.function, AssumeRolePolicyDocument=trust
            )
            functions.create_function(
                FunctionName=self.function,
                Runtime="python3.13",
                Role=made["Role"]["Arn"],
                Handler="one.handler",
                Code={"ZipFile": BYTES[digest]},
                Publish=True,
            )
            functions.create_alias(FunctionName=self.function, Name="live", FunctionVersion="1")
        elif self.terraform.uploaded != digest:
            functions.update_function_code(
                FunctionName=self.function, ZipFile=BYTES[digest], Publish=True
            )
        self.terraform.uploaded = digest
        functions.update_alias(
            FunctionName=self.function, Name="live", FunctionVersion=self.versions()[-1]
        )
        self._clients("ssm").put_parameter(
            Name=self._parameter, Value=digest, Type="String", Overwrite=True
        )

    def versions(self) -> list[str]:
        """Return the published versions of the function."""
        answer = self._clients("lambda").list_versions_by_function(FunctionName=self.function)
        return [version["Version"] for version in answer["Versions"]][1:]

    def change_code(self, data: bytes, *, publish: bool = False, point: bool = False) -> None:
        """Change the function's code by hand."""
        functions = self._clients("lambda")
        functions.update_function_code(FunctionName=self.function, ZipFile=data, Publish=publish)
        if point:
            functions.update_alias(
                FunctionName=self.function, Name="live", FunctionVersion=self.versions()[-1]
            )

    @property
    def live(self) -> str:
        """The digest of the code that callers run."""
        found = self._clients("lambda").get_function_configuration(
            FunctionName=self.function, Qualifier="live"
        )
        return str(found["CodeSha256"])

    def tried(self, release: Release, *, passed: bool) -> None:
        """Keep how a smoke test ended."""
        self.deployment.artifacts.record_smoke_test(release.digest, passed, "no row")

    def keep(self, *releases: tuple[Release, bytes]) -> None:
        """Put releases into the bucket."""
        for release, data in releases:
            self.deployment.artifacts.put(release, lambda _, data=data: data)  # type: ignore[misc]


@pytest.fixture
def dev(aws: Callable[[str], Any]) -> Account:
    """Dev, which runs a release whose smoke test passed."""
    account = Account("dev", aws)
    account.keep((OLD, b"old"), (NEW, b"new"))
    account.run(OLD.digest)
    account.tried(OLD, passed=True)
    account.run(NEW.digest)
    account.tried(NEW, passed=True)
    return account


@pytest.fixture
def qa(aws: Callable[[str], Any]) -> Account:
    return Account("qa", aws)


class Smoke:
    """Stands for the smoke test: which releases fail it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failing: set[str] = set()
        self.tried: list[str] = []
        monkeypatch.setattr(deploy, "smoke", self._try)

    def _try(self, deployment: Deployment) -> None:
        running = deployment.release() or ""
        self.tried.append(running)
        if running in self.failing:
            raise SmokeTestFailed("No row arrived.", "Look into it.")


@pytest.mark.parametrize(
    "error",
    [
        SmokeTestFailed("No row arrived.", ""),
        OperationError("Execution one is still running.", ""),
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Invoke"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_smoke_test_that_does_not_pass_takes_back_that_an_earlier_one_did(
    dev: Account, qa: Account, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: Any) -> str:
        raise error

    monkeypatch.setattr(deploy, "smoke_test", fail)

    with pytest.raises(type(error)):
        deploy.smoke(dev.deployment)

    record = dev.deployment.artifacts.smoke_test(NEW.digest)
    assert record is not None
    assert record["passed"] is False
    assert str(getattr(error, "problem", error)) in record["detail"]
    with pytest.raises(OperationError, match=r"smoke test of release .* failed in 'dev'"):
        promote(dev.deployment, qa.deployment, agree)


def test_a_smoke_test_that_is_cut_off_has_not_passed(
    dev: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing can be written any more, as when the process is killed."""
    seen: list[Any] = []

    def look(*_: Any) -> str:
        seen.append(dev.deployment.artifacts.smoke_test(NEW.digest))
        return "1 row"

    monkeypatch.setattr(deploy, "smoke_test", look)
    deploy.smoke(dev.deployment)

    assert [record["passed"] for record in seen] == [False]
    record = dev.deployment.artifacts.smoke_test(NEW.digest)
    assert record is not None
    assert (record["passed"], record["detail"]) == (True, "1 row")


@pytest.fixture
def smoke(monkeypatch: pytest.MonkeyPatch) -> Smoke:
    return Smoke(monkeypatch)


def agree(_: str) -> None:
    return


def test_the_history_tells_what_ran_and_what_ran_before(dev: Account) -> None:
    dev.run(NEW.digest)

    assert dev.deployment.history() == [OLD.digest, NEW.digest]
    assert dev.deployment.release() == NEW.digest
    assert dev.deployment.previous() == OLD.digest


def test_an_environment_without_a_release_says_so(qa: Account) -> None:
    assert qa.deployment.release() is None
    with pytest.raises(OperationError, match="'qa' does not run a release yet") as caught:
        qa.deployment.running()
    assert caught.value.action == "Type 'make promote FROM=dev TO=qa'."
    with pytest.raises(OperationError, match="has no earlier release"):
        qa.deployment.previous()


def test_the_same_bytes_arrive_in_the_next_environment(
    dev: Account, qa: Account, smoke: Smoke
) -> None:
    promote(dev.deployment, qa.deployment, agree)

    assert qa.terraform.applied == [NEW.digest]
    assert qa.deployment.artifacts.read(NEW.packages["one"]) == b"new"
    assert smoke.tried == [NEW.digest]


#: Tests run with uncommitted changes too.
HERE = replace(here(), is_changed=False)
CHANGED = replace(HERE, commit=40 * "b", is_changed=True)
ELSEWHERE = Origin(40 * "a", is_changed=False, files={**HERE.files, "terraform/main.tf": ""})


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (HERE, [f"was built from {HERE}"]),
        (
            ELSEWHERE,
            [
                "was built from commit aaaaaaaaaaaa\n",
                "! Terraform's files here are not those of this release: terraform/main.tf. "
                f"To have them: git checkout {40 * 'a'}",
            ],
        ),
        (
            replace(HERE, commit=None, files={}),
            ["was built from an unknown commit", "! It is not known whether Terraform's files"],
        ),
    ],
    ids=["here", "elsewhere", "unknown"],
)
def test_promotion_and_rollback_tell_what_the_release_was_made_from(
    dev: Account,
    qa: Account,
    smoke: Smoke,
    capsys: pytest.CaptureFixture[str],
    origin: Origin,
    told: list[str],
) -> None:
    dev.deployment.artifacts.record_origin(NEW.digest, origin)
    asked: list[str] = []

    def read_and_agree(_: str) -> None:
        asked.append(capsys.readouterr().out)

    qa.keep((OLD, b"old"))
    promote(dev.deployment, qa.deployment, read_and_agree)
    qa.run(OLD.digest)
    rollback(qa.deployment, read_and_agree, NEW.digest)

    assert len(asked) == 2
    for text in asked:
        assert [line for line in told if line not in text] == []
        assert ("\n! " in text) == (len(told) == 2)
        assert f"The whole plan: make plan ENV=qa RELEASE={NEW.short}" in text
    assert qa.deployment.artifacts.origin(NEW.digest) == origin


def test_a_build_with_uncommitted_changes_stops_at_its_environment(
    dev: Account, qa: Account, smoke: Smoke
) -> None:
    dev.deployment.artifacts.record_origin(NEW.digest, CHANGED)

    with pytest.raises(OperationError, match=r"with uncommitted changes, so it stops at 'dev'"):
        promote(dev.deployment, qa.deployment, agree)

    assert qa.deployment.history() == []
    # One that is there already can be gone back to.
    qa.keep((OLD, b"old"), (NEW, b"new"))
    for release in (NEW, OLD):
        qa.run(release.digest)
    qa.deployment.artifacts.record_origin(NEW.digest, CHANGED)
    rollback(qa.deployment, agree, NEW.digest)
    assert qa.deployment.release() == NEW.digest


def test_the_question_comes_after_a_summary(
    dev: Account, qa: Account, smoke: Smoke, capsys: pytest.CaptureFixture[str]
) -> None:
    dev.deployment.artifacts.record_origin(NEW.digest, HERE)
    qa.keep((OLD, b"old"))
    qa.deployment.artifacts.record_origin(OLD.digest, ELSEWHERE)
    qa.run(OLD.digest)
    qa.terraform.plan_of_changes = {
        "resource_changes": [resource("queue", ["delete"]), resource("new", ["create"])],
        "checks": [{"status": "fail", "instances": [{"problems": [{"message": "No receivers."}]}]}],
    }
    asked: list[str] = []

    promote(dev.deployment, qa.deployment, lambda _: asked.append(capsys.readouterr().out))

    for line in (
        "Packages: 1 of 1 change: one",
        f"Release {NEW.short} was built from {HERE}",
        f"The running release {OLD.short} was built from commit aaaaaaaaaaaa",
        "1 to add, 0 to change, 1 to destroy",
        "Destroyed: queue",
        "! No receivers.",
    ):
        assert line in asked[0]


def resource(address: str, actions: list[str], **change: Any) -> dict[str, Any]:
    """Return the change of a resource in a plan."""
    kind = f"aws_{address}"
    change = {"actions": actions, **change}
    return {"address": address, "type": kind, "mode": "managed", "change": change}


def test_many_files_of_terraform_that_differ_are_told_in_few_words(
    dev: Account, qa: Account, smoke: Smoke, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {**HERE.files, **{f"terraform/more_{number}.tf": "" for number in range(7)}}
    dev.deployment.artifacts.record_origin(NEW.digest, replace(HERE, files=files))

    promote(dev.deployment, qa.deployment, agree)

    assert "terraform/more_4.tf, 2 more." in capsys.readouterr().out


def test_a_release_keeps_the_commit_of_the_last_time(
    qa: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "manifest.json").write_bytes(NEW.manifest)
    (tmp_path / "one.zip").write_bytes(b"new")
    monkeypatch.setattr(deploy, "DIST", tmp_path)
    for origin in (ELSEWHERE, HERE):
        monkeypatch.setattr(deploy, "here", lambda origin=origin: origin)
        deploy.release(qa.deployment)

    assert qa.deployment.artifacts.origin(NEW.digest) == HERE


def test_the_commit_of_what_runs_is_told_when_it_is_all_that_it_was_built_from(
    dev: Account,
) -> None:
    for origin, words in (
        (None, "an unknown commit"),
        (replace(ELSEWHERE, commit=None), "an unknown commit"),
        (replace(ELSEWHERE, is_changed=True), "commit aaaaaaaaaaaa with uncommitted changes"),
    ):
        if origin:
            dev.deployment.artifacts.record_origin(NEW.digest, origin)
        with pytest.raises(OperationError, match=f"of 'dev' was built from {words}"):
            dev.deployment.commit()
    dev.deployment.artifacts.record_origin(NEW.digest, ELSEWHERE)

    assert dev.deployment.commit() == 40 * "a"


def test_another_release_than_was_approved_does_not_go_on(
    dev: Account, qa: Account, smoke: Smoke
) -> None:
    dev.deployment.artifacts.record_origin(NEW.digest, ELSEWHERE)

    with pytest.raises(OperationError, match=f"'dev' runs release {NEW.short} by now"):
        promote(dev.deployment, qa.deployment, agree, 40 * "b")
    assert qa.terraform.applied == []

    promote(dev.deployment, qa.deployment, agree, 40 * "a")
    assert qa.terraform.applied == [NEW.digest]


@pytest.mark.parametrize(
    ("source", "target"), [("dev", "prd"), ("qa", "dev"), ("dev", "dev"), ("local", "dev")]
)
def test_no_stage_is_left_out(source: str, target: str) -> None:
    with pytest.raises(OperationError, match="dev -> qa -> prd"):
        check_stages(source, target)


def test_other_bytes_than_the_manifests_go_nowhere(dev: Account, qa: Account, smoke: Smoke) -> None:
    dev.change_code(b"something else", publish=True, point=True)

    with pytest.raises(OperationError, match="does not run the bytes of release"):
        promote(dev.deployment, qa.deployment, agree)

    assert qa.terraform.applied == []


ROGUE = b"changed by hand"


@pytest.mark.parametrize(
    ("publish", "point", "told"),
    [
        (False, False, "has unpublished code with SHA-256"),
        (True, False, "has unpublished code with SHA-256"),
        (True, True, "runs code with SHA-256"),
    ],
    ids=["unpublished", "published", "live"],
)
def test_code_that_was_changed_by_hand_is_found_and_put_back(
    dev: Account, smoke: Smoke, publish: bool, point: bool, told: str
) -> None:
    dev.change_code(ROGUE, publish=publish, point=point)

    found = dev.deployment.foreign_code(NEW, dev.terraform.outputs())
    assert found
    assert f"{dev.function} {told}" in found[0]
    with pytest.raises(OperationError, match=r"'make apply ENV=dev' puts the release's bytes"):
        dev.deployment.check_code(NEW, dev.terraform.outputs())

    apply(dev.deployment, agree, NEW.short)

    # Terraform itself uploads nothing here: the release is the one that it uploaded last.
    assert dev.deployment.foreign_code(NEW, dev.terraform.outputs()) == []
    assert dev.live == NEW.packages["one"].sha256_base64


def test_a_version_of_other_code_is_not_pointed_to_when_the_code_was_put_back_by_hand(
    dev: Account,
) -> None:
    dev.change_code(ROGUE, publish=True)
    dev.change_code(b"new")
    assert "has a newest version whose code" in str(
        dev.deployment.foreign_code(NEW, dev.terraform.outputs())
    )

    apply(dev.deployment, agree, NEW.digest)

    assert dev.live == NEW.packages["one"].sha256_base64


def test_code_that_changes_during_an_apply_is_put_back_after_it(
    dev: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, changes = dev.run, [ROGUE]

    def run_and_change(digest: str) -> None:
        run(digest)
        if changes:
            dev.change_code(changes.pop(), publish=True, point=True)

    monkeypatch.setattr(dev, "run", run_and_change)
    apply(dev.deployment, agree, NEW.digest)

    assert dev.terraform.applied == [NEW.digest, NEW.digest]
    assert dev.live == NEW.packages["one"].sha256_base64


def test_a_promotion_of_the_running_release_repairs_its_code(
    dev: Account, qa: Account, smoke: Smoke
) -> None:
    promote(dev.deployment, qa.deployment, agree)
    qa.change_code(ROGUE, publish=True, point=True)

    promote(dev.deployment, qa.deployment, agree)

    assert qa.live == NEW.packages["one"].sha256_base64


def test_a_rollback_to_the_running_release_does_nothing_unless_its_code_was_changed(
    dev: Account, smoke: Smoke, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: str) -> None:
        pytest.fail("It asked.")

    rollback(dev.deployment, refuse, NEW.short)

    assert f"'dev' runs release {NEW.short} already. Nothing to do." in capsys.readouterr().out
    assert (dev.terraform.applied, smoke.tried) == ([], [])

    dev.change_code(ROGUE, publish=True, point=True)
    rollback(dev.deployment, agree, NEW.short)
    assert dev.live == NEW.packages["one"].sha256_base64


@pytest.mark.parametrize("passed", [None, False])
def test_a_release_without_a_smoke_test_that_passed_goes_nowhere(
    dev: Account, qa: Account, smoke: Smoke, passed: bool | None
) -> None:
    dev.keep((OLDEST, b"oldest"))
    dev.run(OLDEST.digest)
    if passed is not None:
        dev.tried(OLDEST, passed=passed)

    with pytest.raises(OperationError, match=r"had no smoke test|smoke test of release .* failed"):
        promote(dev.deployment, qa.deployment, agree)

    assert qa.terraform.applied == []


def test_prd_is_applied_after_a_question_only(
    aws: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    prd = Account("prd", aws)
    prd.keep((OLD, b"old"), (NEW, b"new"))
    prd.run(OLD.digest)
    prd.terraform.plan_of_changes = {"resource_changes": [resource("queue", ["update"])]}

    def refuse(environment: str) -> None:
        assert "0 to add, 1 to change, 0 to destroy" in capsys.readouterr().out
        raise OperationError(f"'{environment}' was not changed.", "")

    with pytest.raises(OperationError, match="'prd' was not changed"):
        apply(prd.deployment, refuse, NEW.short)
    assert prd.terraform.applied == []

    apply(prd.deployment, agree, NEW.short)
    assert prd.deployment.release() == NEW.digest


def test_nothing_is_destroyed_where_something_is_protected(
    dev: Account, aws: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def protecting(**values: Any) -> dict[str, Any]:
        gone = [resource("db", ["delete"], before=values), resource("queue", ["delete"])]
        return {"resource_changes": gone}

    def refuse(environment: str) -> None:
        raise OperationError(f"'{environment}' was not changed.", "")

    aws("sqs").send_message(QueueUrl=dev.queue, MessageBody="waits")
    for values in (
        {"deletion_protection": True},
        {"deletion_protection": "ACTIVE"},
        {"deletion_protection_enabled": True},
    ):
        dev.terraform.plan_of_changes = protecting(**values)
        with pytest.raises(OperationError, match=r"deletion protection: db\. Nothing was"):
            destroy(dev.deployment, agree)
    dev.terraform.plan_of_changes = protecting(deletion_protection=False)
    with pytest.raises(OperationError, match="'dev' was not changed"):
        destroy(dev.deployment, refuse)
    assert dev.terraform.applied == []

    output = capsys.readouterr().out
    assert "2 resources to destroy" in output
    assert "! Messages in flowbridge-dev-audit: 1. They are deleted with it." in output
    destroy(dev.deployment, agree)
    assert dev.terraform.applied == [""]


@pytest.mark.parametrize("command", ["apply", "drift", "smoke"])
def test_qa_without_a_release_is_promoted_to(qa: Account, command: str) -> None:
    arguments = (agree,) if command == "apply" else ()
    with pytest.raises(OperationError, match="'qa' does not run a release yet") as caught:
        getattr(deploy, command)(qa.deployment, *arguments)

    assert caught.value.action == "Type 'make promote FROM=dev TO=qa'."


def test_nothing_is_applied_when_the_operator_says_no(
    dev: Account, qa: Account, smoke: Smoke
) -> None:
    def refuse(environment: str) -> None:
        raise OperationError(f"'{environment}' was not changed.", "")

    with pytest.raises(OperationError, match="'qa' was not changed"):
        promote(dev.deployment, qa.deployment, refuse)

    assert qa.terraform.applied == []


def test_a_release_that_fails_is_taken_back(dev: Account, qa: Account, smoke: Smoke) -> None:
    qa.keep((OLD, b"old"))
    qa.run(OLD.digest)
    smoke.failing = {NEW.digest}

    with pytest.raises(OperationError, match=f"'qa' runs release {OLD.short} again"):
        promote(dev.deployment, qa.deployment, agree)

    assert qa.terraform.applied == [NEW.digest, OLD.digest]
    assert smoke.tried == [NEW.digest, OLD.digest]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutEvents"),
            r"AWS refused: .*AccessDenied",
        ),
        (KeyboardInterrupt(), "It was interrupted"),
    ],
)
def test_what_comes_between_takes_it_back_too(
    dev: Account,
    qa: Account,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    text: str,
) -> None:
    qa.keep((OLD, b"old"))
    qa.run(OLD.digest)

    def refuse_the_new(deployment: Deployment) -> None:
        if deployment.release() == NEW.digest:
            raise error

    monkeypatch.setattr(deploy, "smoke", refuse_the_new)

    with pytest.raises(OperationError, match=rf"{text}.*It was taken back"):
        promote(dev.deployment, qa.deployment, agree)

    assert qa.terraform.applied == [NEW.digest, OLD.digest]


def test_a_first_release_that_fails_says_that_there_is_none_before(
    dev: Account, qa: Account, smoke: Smoke
) -> None:
    smoke.failing = {NEW.digest}

    with pytest.raises(OperationError, match=r"No row arrived\. There is no other release"):
        promote(dev.deployment, qa.deployment, agree)


def test_a_rollback_that_fails_says_both(dev: Account, qa: Account, smoke: Smoke) -> None:
    qa.keep((OLD, b"old"))
    qa.run(OLD.digest)
    smoke.failing = {NEW.digest, OLD.digest}

    with pytest.raises(OperationError, match=r"Going back to .* failed too"):
        promote(dev.deployment, qa.deployment, agree)


def test_a_first_release_has_nothing_to_share_the_calls_with(
    dev: Account, qa: Account, smoke: Smoke
) -> None:
    qa.deployment.environment.variables["canary"] = {"percent": 10, "minutes": 5}

    promote(dev.deployment, qa.deployment, agree)

    assert qa.terraform.variables == {}


def test_rollback_returns_to_the_release_before_or_to_a_named_one(
    dev: Account, smoke: Smoke
) -> None:
    rollback(dev.deployment, agree)
    assert dev.deployment.release() == OLD.digest

    rollback(dev.deployment, agree, NEW.digest)
    assert dev.deployment.release() == NEW.digest
    assert dev.terraform.applied == [OLD.digest, NEW.digest]


def test_a_release_is_named_by_the_beginning_that_commands_print(
    dev: Account, qa: Account, smoke: Smoke
) -> None:
    rollback(dev.deployment, agree, OLD.short)

    assert dev.terraform.applied == [OLD.digest]
    with pytest.raises(OperationError, match="No releases of 'qa'"):
        rollback(qa.deployment, agree, OLD.short)
    # Neither one that ran elsewhere, nor one that could be two.
    with pytest.raises(OperationError, match="2 releases of 'dev'"):
        dev.deployment.full_digest("")


def test_a_rollback_does_not_bring_back_what_was_taken_back(
    dev: Account, qa: Account, smoke: Smoke
) -> None:
    qa.keep((OLDEST, b"oldest"), (OLD, b"old"))
    for release in (OLDEST, OLD):
        qa.run(release.digest)
        qa.tried(release, passed=True)
    smoke.failing = {NEW.digest}
    with pytest.raises(OperationError, match="It was taken back"):
        promote(dev.deployment, qa.deployment, agree)
    assert qa.deployment.history() == [OLDEST.digest, OLD.digest, NEW.digest, OLD.digest]

    rollback(qa.deployment, agree)

    assert qa.deployment.release() == OLDEST.digest


def test_a_release_that_was_taken_back_is_nothing_to_go_back_to(dev: Account, smoke: Smoke) -> None:
    dev.run(OLD.digest)

    with pytest.raises(OperationError, match="'dev' has no earlier release") as caught:
        rollback(dev.deployment, agree)

    assert "make rollback ENV=dev RELEASE=<digest>" in caught.value.action
    assert dev.terraform.applied == []


def test_two_rollbacks_go_back_twice(qa: Account, smoke: Smoke) -> None:
    qa.keep((OLDEST, b"oldest"), (OLD, b"old"), (NEW, b"new"))
    for release in (OLDEST, OLD, NEW):
        qa.run(release.digest)
        qa.tried(release, passed=True)

    rollback(qa.deployment, agree)
    rollback(qa.deployment, agree)

    assert qa.terraform.applied == [OLD.digest, OLDEST.digest]
    with pytest.raises(OperationError, match="no earlier release"):
        rollback(qa.deployment, agree)


def test_a_release_that_came_again_has_the_one_before_it_again(dev: Account, smoke: Smoke) -> None:
    dev.run(OLD.digest)
    dev.run(NEW.digest)

    assert dev.deployment.previous() == OLD.digest


def test_a_release_that_failed_is_passed_over(qa: Account) -> None:
    qa.keep((OLDEST, b"oldest"), (OLD, b"old"), (NEW, b"new"))
    for release in (OLDEST, OLD, NEW):
        qa.run(release.digest)
    qa.tried(OLDEST, passed=True)
    qa.tried(OLD, passed=False)

    assert qa.deployment.previous() == OLDEST.digest


def test_a_release_that_nobody_tried_is_gone_back_to_by_name_only(
    qa: Account, smoke: Smoke
) -> None:
    qa.keep((OLDEST, b"oldest"), (OLD, b"old"), (NEW, b"new"))
    qa.run(OLDEST.digest)
    qa.run(NEW.digest)

    with pytest.raises(OperationError, match="has no recorded smoke test") as caught:
        rollback(qa.deployment, agree)

    assert qa.terraform.applied == []
    assert f"RELEASE={OLDEST.digest}" in caught.value.action
    rollback(qa.deployment, agree, OLDEST.digest)
    assert qa.deployment.release() == OLDEST.digest


def test_differences_are_named_by_resource_and_attribute() -> None:
    def change(address: str, actions: list[str], **values: Any) -> dict[str, Any]:
        return {"address": address, "mode": "managed", "change": {"actions": actions, **values}}

    plan = {
        "resource_changes": [
            change("same", ["no-op"]),
            change("alarm", ["update"], before={"a": 1, "b": 2}, after={"a": 1, "b": 3}),
            change("function", ["update"], before={}, after={}, after_unknown={"version": True}),
            change("queue", ["create"]),
            change("table", ["delete", "create"]),
            {**change("data", ["read"]), "mode": "data"},
        ],
        "output_changes": {"url": {"actions": ["update"]}, "bus": {"actions": ["no-op"]}},
    }

    assert differences(plan) == [
        "alarm would be changed: b",
        "function would be changed: version",
        "queue would be made",
        "table would be replaced",
        "output url would be changed",
    ]
