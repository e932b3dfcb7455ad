"""Which release runs where, and what may go on to the next environment."""

from __future__ import annotations

from collections.abc import Callable
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
from ops.releases.deploy import promote, rollback
from ops.releases.deployment import Deployment, check_stages
from ops.releases.provenance import Origin, here
from ops.releases.smoke import SmokeTestFailed
from ops.terraform.environments import Environment
from ops.terraform.runner import Terraform, differences
from tests.support.releases import release_of

OLDEST = release_of(one=b"oldest")
OLD = release_of(one=b"old")
NEW = release_of(one=b"new")


class FakeTerraform:
    """Keeps what it is asked to apply, and has it run."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.applied: list[str] = []
        self.variables: dict[str, Any] = {}

    def outputs(self) -> dict[str, Any]:
        return {"flows": {"flow": {"functions": {"State": {"name": "function", "package": "one"}}}}}

    def plan(self, release: str, file: Any, **variables: Any) -> bool:
        self.variables = variables
        file.write_text(release)
        return True

    def apply_plan(self, file: Any, _: Any) -> str:
        return self.apply(_, file.read_text())

    def apply(self, _: Any, release: str) -> str:
        self.applied.append(release)
        self._account.run(release)
        return "Apply complete!"


class Account:
    """An environment: its bucket, its release parameter, the code that its function runs."""

    def __init__(self, name: str, clients: Callable[[str], Any]) -> None:
        self.code = ""
        self._clients = clients
        self._parameter = f"/flowbridge/{name}/release"
        environment = Environment(name)
        clients("s3").create_bucket(Bucket=environment.artifact_bucket)
        self.terraform = FakeTerraform(self)
        self.deployment = Deployment(
            environment,
            cast(Aws, SimpleNamespace(client=self._client, environment=name)),
            cast(Terraform, self.terraform),
        )

    def run(self, digest: str) -> None:
        """Have a release run, as an apply does."""
        self.code = {r.digest: r for r in (OLDEST, OLD, NEW)}[digest].packages["one"].sha256_base64
        self._clients("ssm").put_parameter(
            Name=self._parameter, Value=digest, Type="String", Overwrite=True
        )

    def tried(self, release: Release, *, passed: bool) -> None:
        """Keep how a smoke test ended."""
        self.deployment.artifacts.record_smoke_test(release.digest, passed, "no row")

    def keep(self, *releases: tuple[Release, bytes]) -> None:
        """Put releases into the bucket."""
        for release, data in releases:
            self.deployment.artifacts.put(release, lambda _, data=data: data)  # type: ignore[misc]

    def _client(self, service: str) -> Any:
        if service != "lambda":
            return self._clients(service)
        return SimpleNamespace(
            get_function_configuration=lambda **_: {"CodeSha256": self.code},
            get_alias=lambda **_: {"FunctionVersion": "7"},
        )


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


HERE = here()
CHANGED = replace(HERE, commit=40 * "b", is_changed=True)
ELSEWHERE = Origin(40 * "a", is_changed=False, files={**HERE.files, "terraform/main.tf": ""})


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (HERE, [f"was built from {HERE}"]),
        (CHANGED, ["was built from commit bbbbbbbbbbbb with uncommitted changes\n"]),
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
    ids=["here", "changed", "elsewhere", "unknown"],
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

    promote(dev.deployment, qa.deployment, read_and_agree)
    rollback(qa.deployment, read_and_agree, NEW.digest)

    assert len(asked) == 2
    for text in asked:
        assert [line for line in told if line not in text] == []
        assert ("\n! " in text) == (len(told) == 2)
    assert qa.deployment.artifacts.origin(NEW.digest) == origin


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
    dev.code = "c29tZXRoaW5nIGVsc2U="

    with pytest.raises(OperationError, match="does not run the bytes of release"):
        promote(dev.deployment, qa.deployment, agree)

    assert qa.terraform.applied == []


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


@pytest.fixture
def prd(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Account:
    """An environment with a canary, which runs the old release."""
    monkeypatch.setenv(deploy.CANARY_MINUTES, "0")
    account = Account("qa", aws)
    account.deployment.environment.variables["canary"] = {"percent": 10, "minutes": 5}
    account.keep((OLD, b"old"))
    account.run(OLD.digest)
    return account


def test_a_canary_gets_few_calls_first_and_then_all(
    dev: Account, prd: Account, smoke: Smoke
) -> None:
    promote(dev.deployment, prd.deployment, agree)

    assert prd.terraform.variables == {"stable_versions": {"function": "7"}}
    assert prd.terraform.applied == [NEW.digest, NEW.digest]


def test_a_canary_that_raises_an_alarm_is_taken_back(
    dev: Account, prd: Account, smoke: Smoke, aws: Callable[[str], Any]
) -> None:
    for name in ("flowbridge-qa-known", "flowbridge-qa-new"):
        aws("cloudwatch").put_metric_alarm(
            AlarmName=name,
            MetricName="Errors",
            Namespace="AWS/Lambda",
            Period=60,
            EvaluationPeriods=1,
            Statistic="Sum",
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
        )

    def raise_alarm(name: str) -> None:
        aws("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="errors")

    raise_alarm("flowbridge-qa-known")

    with pytest.raises(OperationError) as caught:
        promote(
            dev.deployment, prd.deployment, lambda environment: raise_alarm("flowbridge-qa-new")
        )

    assert "flowbridge-qa-new: errors" in caught.value.problem
    assert "flowbridge-qa-known" not in caught.value.problem
    assert f"runs release {OLD.short} again" in caught.value.problem

    assert prd.terraform.applied == [NEW.digest, OLD.digest]


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
    with pytest.raises(OperationError, match="No releases that ran in 'qa'"):
        rollback(qa.deployment, agree, OLD.short)
    # Neither one that ran elsewhere, nor one that could be two.
    with pytest.raises(OperationError, match="2 releases that ran in 'dev'"):
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


@pytest.mark.parametrize("minutes", ["abc", "nan", "inf", "-1"])
def test_a_canary_of_no_minutes_is_refused_before_anything_changes(
    dev: Account, prd: Account, smoke: Smoke, monkeypatch: pytest.MonkeyPatch, minutes: str
) -> None:
    monkeypatch.setenv(deploy.CANARY_MINUTES, minutes)

    with pytest.raises(OperationError, match=f"CANARY_MINUTES is '{minutes}'"):
        promote(dev.deployment, prd.deployment, agree)

    assert prd.terraform.applied == []
