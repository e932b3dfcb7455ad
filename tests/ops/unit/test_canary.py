"""A canary whose promotion is killed, fails or is watched, with the guard's real code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ops.errors import OperationError
from ops.flow import state_machines_of
from ops.releases import canary, deploy
from ops.releases.deploy import apply, promote, rollback
from ops.releases.deployment import Deployment
from ops.releases.github import SESSION_SECONDS
from ops.releases.provenance import here
from ops.settings import REPOSITORY
from ops.terraform.runner import BOOTSTRAP, ROOT
from tests.support.canary import FUNCTIONS, MACHINES, Cloud, Killed
from tests.support.releases import release_of

OLD = release_of(one=b"old", canary_guard=b"guard")
NEW = release_of(one=b"new", canary_guard=b"guard")
CODE = {r.packages["one"].sha256_base64: r.digest for r in (OLD, NEW)}
#: Its files take a moment to read.
ORIGIN = replace(here(), is_changed=False)
#: More than the guard waits for a sign of life.
LATER = 4


def agree(_: str) -> None:
    return


@pytest.fixture
def cloud(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The environment prd, which runs the old release."""
    monkeypatch.setenv(deploy.CANARY_MINUTES, "0")
    monkeypatch.setattr(deploy, "here", lambda: ORIGIN)
    monkeypatch.setattr(deploy, "smoke", lambda deployment: deployment.terraform.outputs())
    cloud = Cloud(aws, monkeypatch.setattr)
    for release, data in ((OLD, b"old"), (NEW, b"new")):
        content = {"one": data, "canary_guard": b"guard"}
        cloud.deployment.artifacts.put(release, lambda package, c=content: c[package.name])  # type: ignore[misc]
        cloud.deployment.artifacts.record_smoke_test(release.digest, passed=True, detail="")
        cloud.terraform.releases[release.digest] = release
    cloud.terraform.apply(None, OLD.digest)
    assert whole(cloud) == OLD.digest
    cloud.start_again()
    return cloud


def whole(cloud: Cloud) -> str:
    """Return the one release that all callers get and that is recorded."""
    [code] = cloud.live()
    assert CODE[code] == cloud.release()
    return CODE[code]


def source() -> Any:
    """Return qa, which runs the new release."""
    return SimpleNamespace(
        name="qa",
        artifacts=SimpleNamespace(
            origin=lambda _: ORIGIN,
            read=lambda package: b"guard" if package.name == "canary_guard" else b"new",
        ),
    )


@pytest.fixture
def promotion(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what promotes the new release to prd."""
    monkeypatch.setattr(deploy, "promotable", lambda _: NEW)
    return lambda: promote(source(), cloud.deployment, agree)


def test_a_canary_becomes_the_release_and_settles(
    cloud: Cloud, promotion: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def look(deployment: Deployment) -> None:
        seen.append([dict(f.weights) for f in cloud.functions.values()])
        seen.append([dict(m.weights) for m in cloud.machines.values()])
        record = cloud.record()
        assert record is not None
        seen.append(record)

    monkeypatch.setattr(deploy, "_watch", lambda target, _: look(target))
    promotion()

    functions, machines, record = seen
    assert functions == [{"1": 0.9, "2": 0.1}] * len(FUNCTIONS)
    assert machines == [{"1": 90.0, "2": 10.0}] * len(MACHINES)
    assert (record.state, record.release, record.before) == ("trying", NEW.digest, OLD.digest)
    assert record.functions == {name: ["1", 0] for name in FUNCTIONS}
    assert record.state_machines == dict.fromkeys(MACHINES, "1")
    assert whole(cloud) == NEW.digest
    after = cloud.record()
    assert after is not None
    assert after.state == "settling"
    # An hour later nothing is left of it.
    assert cloud.tick(59) == {"state": "settling"}
    assert cloud.tick(61) == {"state": None}
    assert cloud.record() is None


def changes_of(cloud: Cloud, promotion: Callable[[], None]) -> int:
    """Return how many changes a promotion makes."""
    promotion()
    return cloud.power.changes


#: At each change of a promotion; the first test below says when there are more.
MOMENTS = range(22)


def test_every_change_of_a_promotion_is_one_of_the_moments(
    cloud: Cloud, promotion: Callable[[], None]
) -> None:
    assert changes_of(cloud, promotion) == len(MOMENTS)


@pytest.mark.parametrize("goes_on", [False, True], ids=["alone", "terraform-goes-on"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_promotion_ends_on_one_release_and_the_next_command_works(
    cloud: Cloud, promotion: Callable[[], None], moment: int, goes_on: bool
) -> None:
    cloud.power.changes_left = moment
    with pytest.raises(Killed):
        promotion()

    # The killed process has no sign of life; Terraform may outlive it.
    cloud.tick(LATER)
    if goes_on:
        cloud.terraform.go_on()
        cloud.tick(LATER + 1)
    ended = whole(cloud)
    assert ended in (OLD.digest, NEW.digest)

    cloud.start_again()
    if (record := cloud.record()) is not None:
        assert (record.state, ended) == ("reverted", OLD.digest)
    rollback(cloud.deployment, agree, OLD.short)
    assert whole(cloud) == OLD.digest
    assert cloud.record() is None
    promotion()
    assert whole(cloud) == NEW.digest


@pytest.mark.parametrize("moment", MOMENTS[::3])
def test_a_killed_promotion_is_ended_by_a_rollback_without_the_guard(
    cloud: Cloud, promotion: Callable[[], None], moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.power.changes_left = moment
    with pytest.raises(Killed):
        promotion()
    cloud.start_again()
    cloud.guard_is_broken = True
    monkeypatch.setattr(canary, "SILENT_SECONDS", -1)

    rollback(cloud.deployment, agree, OLD.short)

    assert whole(cloud) == OLD.digest
    assert cloud.record() is None


@pytest.mark.parametrize("moment", range(14))
def test_a_killed_rollback_ends_on_the_stable_release(
    cloud: Cloud, promotion: Callable[[], None], moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.power.changes_left = 10
    with pytest.raises(Killed):
        promotion()
    monkeypatch.setattr(canary, "SILENT_SECONDS", -1)
    cloud.start_again()
    cloud.power.changes_left = moment
    try:
        rollback(cloud.deployment, agree)
    except Killed:
        cloud.tick(LATER)

    assert whole(cloud) == OLD.digest


@pytest.mark.parametrize(
    ("errors", "failures", "told"),
    [
        ({("flow-store", "2"): 1}, [], "Version 2 of flowbridge-prd-flow-store failed"),
        ({}, [("2", "FAILED", "States.Runtime")], r"ended with States\.Runtime"),
        ({}, [("2", "TIMED_OUT", "")], "ended with TIMED_OUT"),
        ({}, [("2", "FAILED", "States.Runtime", "flow-call")], r"flow-call:2 ended with States"),
        ({}, [("2", "FAILED", "States.Runtime", "flow-call-cancel")], "flow-call-cancel:2 ended"),
    ],
    ids=["function", "definition", "timeout", "child", "cancel"],
)
def test_technical_errors_of_the_new_version_take_it_back(
    cloud: Cloud,
    promotion: Callable[[], None],
    errors: Any,
    failures: list[tuple[str, ...]],
    told: str,
) -> None:
    cloud.errors = errors
    cloud.failures = [execution(*failure) for failure in failures]

    with pytest.raises(OperationError, match=f"{told}.*It was taken back"):
        promotion()

    assert whole(cloud) == OLD.digest
    assert cloud.record() is None


def test_definitions_are_taken_back_where_the_files_are_those_of_the_new_release(
    cloud: Cloud, promotion: Callable[[], None]
) -> None:
    cloud.terraform.files = NEW.digest
    cloud.failures = [execution("2", "FAILED", "States.Runtime", "flow-call")]

    with pytest.raises(OperationError, match="It was taken back"):
        promotion()

    assert whole(cloud) == OLD.digest
    assert [machine.weights for machine in cloud.machines.values()] == [{"1": 100}] * len(MACHINES)
    # The next release finds the stable versions.
    cloud.failures = []
    promotion()
    assert whole(cloud) == NEW.digest


@pytest.mark.parametrize("errors", [{}, {("flow-store", "2"): 1}], ids=["works", "fails"])
def test_express_state_machines_are_judged_by_their_functions(
    cloud: Cloud, promotion: Callable[[], None], errors: dict[tuple[str, str], int]
) -> None:
    cloud.is_express, cloud.errors = True, errors

    if errors:
        with pytest.raises(OperationError, match=r"flow-store failed.*It was taken back"):
            promotion()
    else:
        promotion()

    assert whole(cloud) == (OLD if errors else NEW).digest


def test_errors_of_the_stable_version_and_of_events_do_not_take_it_back(
    cloud: Cloud, promotion: Callable[[], None]
) -> None:
    cloud.errors = {("flow-store", "1"): 5}
    old = execution("2", "FAILED", "States.Runtime")
    old["startDate"] -= timedelta(days=1)
    cloud.failures = [
        execution("1", "FAILED", "States.Runtime"),
        # Its function's own log says whether the error is technical.
        execution("2", "FAILED", "InvalidOrder"),
        old,
    ]

    promotion()

    assert whole(cloud) == NEW.digest


def execution(version: str, status: str, error: str, machine: str = "flow") -> dict[str, Any]:
    """Return a failed execution that started after the canary."""
    return {
        "machine": machine,
        "version": version,
        "status": status,
        "error": error,
        "name": f"{version}-{error}",
        "executionArn": f"{version}-{status}-{error}",
        "startDate": datetime.now(UTC) + timedelta(minutes=1),
    }


def test_an_alarm_in_the_hour_after_the_promotion_reverts_it(
    cloud: Cloud, promotion: Callable[[], None]
) -> None:
    promotion()
    cloud.errors = {("flow-store", "2"): 1}

    # Errors below the threshold of an alarm are none of the guard's business.
    assert cloud.tick() == {"state": "settling"}
    assert whole(cloud) == NEW.digest
    after = cloud.tick(alarm="flowbridge-prd-flow-store-errors")

    assert after is not None
    assert after["state"] == "reverted"
    assert whole(cloud) == OLD.digest
    found = "\n".join(drift_of(cloud))
    assert f"a canary is reverted: release {NEW.short}" in found
    # Both commands go on from there.
    rollback(cloud.deployment, agree)
    assert whole(cloud) == OLD.digest
    promotion()
    assert whole(cloud) == OLD.digest if cloud.errors.get(("flow-store", "3")) else NEW.digest


def drift_of(cloud: Cloud) -> list[str]:
    """Return the differences, as far as they are not Terraform's."""
    cloud.terraform.differences = lambda *_: []  # type: ignore[attr-defined]
    return deploy.drift(cloud.deployment)


def test_an_alarm_whose_lines_come_later_reverts_it_at_the_next_minute(
    cloud: Cloud, promotion: Callable[[], None]
) -> None:
    promotion()
    assert cloud.tick(alarm="flowbridge-prd-flow-store-errors") == {"state": "settling"}

    cloud.errors = {("flow-store", "2"): 1}
    cloud.tick(1)

    assert whole(cloud) == OLD.digest


def test_an_apply_ends_what_the_guard_reverted(cloud: Cloud, promotion: Callable[[], None]) -> None:
    promotion()
    cloud.errors = {("flow-store", "2"): 1}
    cloud.tick(alarm="flowbridge-prd-flow-store-errors")

    apply(cloud.deployment, agree)

    assert whole(cloud) == OLD.digest
    assert cloud.record() is None


@pytest.mark.parametrize("command", ["apply", "promote", "rollback", "destroy"])
def test_nobody_else_changes_the_environment_during_a_canary(
    cloud: Cloud, promotion: Callable[[], None], command: str
) -> None:
    cloud.power.changes_left = 10
    with pytest.raises(Killed):
        promotion()
    cloud.start_again()
    commands: dict[str, Callable[[], None]] = {
        "apply": lambda: apply(cloud.deployment, agree),
        "promote": promotion,
        "rollback": lambda: rollback(cloud.deployment, agree),
        "destroy": lambda: deploy.destroy(cloud.deployment, agree),
    }
    before = [cloud.live(), cloud.record()]

    with pytest.raises(OperationError, match="'prd' is being changed") as caught:
        commands[command]()

    assert canary.who() in caught.value.problem
    assert "make rollback ENV=prd" in caught.value.action
    assert [cloud.live(), cloud.record()] == before


def test_a_promotion_that_was_cut_off_is_ended_by_a_rollback_only(
    cloud: Cloud, promotion: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.power.changes_left = 10
    with pytest.raises(Killed):
        promotion()
    cloud.start_again()
    monkeypatch.setattr(canary, "SILENT_SECONDS", -1)

    commands: list[Callable[[], None]] = [lambda: apply(cloud.deployment, agree), promotion]
    for command in commands:
        with pytest.raises(OperationError, match="was cut off") as caught:
            command()
        assert caught.value.action == "Type 'make rollback ENV=prd'."
    rollback(cloud.deployment, agree)

    assert whole(cloud) == OLD.digest


def test_a_promotion_whose_canary_was_taken_over_changes_nothing_more(
    cloud: Cloud, promotion: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_over(*_: Any) -> None:
        record = cloud.record()
        assert record is not None
        text = record.changed(id="another", by="eve@laptop").text()
        cloud.client("ssm").put_parameter(Name="/flowbridge/prd/canary", Value=text, Overwrite=True)

    monkeypatch.setattr(deploy, "_watch", take_over)

    with pytest.raises(OperationError, match="eve@laptop took over this canary"):
        promotion()

    record = cloud.record()
    assert record is not None
    assert record.id == "another"


def test_a_sign_of_life_does_not_undo_a_revert(
    cloud: Cloud, promotion: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def revert(*_: Any) -> None:
        cloud.errors = {("flow-store", "2"): 1}
        cloud.tick()

    monkeypatch.setattr(canary, "BEAT_SECONDS", 0.001)
    monkeypatch.setattr(deploy, "_watch", revert)

    with pytest.raises(OperationError, match="It was taken back"):
        promotion()

    assert whole(cloud) == OLD.digest


class Racing:
    """SSM, where another command writes a record after the second time that it was read."""

    def __init__(self, ssm: Any, content: Any) -> None:
        self._ssm, self._content, self._reads = ssm, content, 0
        self.exceptions = ssm.exceptions
        self.put_parameter = ssm.put_parameter

    def get_parameter(self, *, Name: str) -> Any:  # noqa: N803  boto3's name
        self._reads += 1
        try:
            return self._ssm.get_parameter(Name=Name)
        finally:
            if self._reads == 2:
                value = json.dumps(self._content)
                self._ssm.put_parameter(Name=Name, Value=value, Type="String", Overwrite=True)


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "settling"])
def test_two_promotions_at_one_moment_do_not_both_begin(cloud: Cloud, is_there: bool) -> None:
    ssm, name = cloud.client("ssm"), "/flowbridge/prd/canary"
    content = {"state": "settling", "release": NEW.digest, "heartbeat": "2026-11-30T00:00:00+00:00"}
    if is_there:
        ssm.put_parameter(Name=name, Value=json.dumps(content), Type="String")
    canaries = canary.Canaries(Racing(ssm, content), "prd", name, {})

    with (
        pytest.raises(OperationError, match="Another command began"),
        canaries.held(content),
    ):
        pytest.fail("It began.")


def test_a_record_shows_signs_of_life(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "BEAT_SECONDS", 0.001)
    moments = iter(datetime.now(UTC) + timedelta(minutes=n) for n in range(1000))
    monkeypatch.setattr(canary, "_now", lambda: next(moments))
    stable = cloud.deployment.stable_versions(cloud.terraform.outputs())
    patterns = cloud.deployment.technical_errors(cloud.terraform.outputs())
    content = canary.record_of(NEW.digest, OLD.digest, 60, "flowbridge-prd-", stable, patterns)

    with cloud.deployment.canaries.held(content):
        first = cloud.record()
        assert first is not None
        deadline = datetime.now(UTC) + timedelta(seconds=10)
        while (found := cloud.record()) and found.heartbeat == first.heartbeat:
            assert datetime.now(UTC) < deadline
    assert found is not None
    assert found.state == "trying"


def test_guard_and_commands_agree_on_the_record() -> None:
    from canary_guard import record

    names = ("TRYING", "SETTLING", "RETURNING", "REVERTED", "SILENT_SECONDS")
    assert [getattr(canary, n) for n in names] == [getattr(record, n) for n in names]
    assert record.SILENT_SECONDS > 3 * canary.BEAT_SECONDS


@pytest.mark.parametrize("minutes", ["abc", "nan", "inf", "-1", "61"])
def test_a_canary_of_no_minutes_is_refused_before_anything_changes(
    cloud: Cloud, promotion: Callable[[], None], monkeypatch: pytest.MonkeyPatch, minutes: str
) -> None:
    monkeypatch.setenv(deploy.CANARY_MINUTES, minutes)

    with pytest.raises(OperationError, match=f"CANARY_MINUTES is '{minutes}'"):
        promotion()

    assert whole(cloud) == OLD.digest
    assert cloud.record() is None


#: The block of a module in Terraform's files: its name, the module, and what follows.
MODULE = re.compile(
    r'^module "(\w+)" \{\n  source += "[./]+(?:/modules)?/(\w+)"\n(.*?)^\}', re.M | re.S
)
#: Modules that make state machines.
MAKERS = ("workflow", "async_call", "state_machine")


def test_every_state_machine_takes_its_canary_by_its_name() -> None:
    found = [
        (file.relative_to(ROOT), settings)
        for file in [*ROOT.glob("flows/*/*.tf"), *ROOT.glob("modules/*/*.tf")]
        for _, module, settings in MODULE.findall(file.read_text())
        if module == "state_machine"
    ]
    assert len(found) > 3
    for place, settings in found:
        [name] = re.findall(r"^  name += (.+)$", settings, re.M)
        canaries = re.findall(r"^  canary += (.+)$", settings, re.M)
        assert canaries == [f"lookup(var.platform.machine_canaries, {name}, null)"], place


def test_every_state_machine_of_a_flow_is_in_its_output() -> None:
    """A promotion reads there which state machines it tries."""
    found = 0
    for flow in sorted(ROOT.glob("flows/*/")):
        output = (flow / "outputs.tf").read_text()
        for file in flow.glob("*.tf"):
            for name, module, _ in MODULE.findall(file.read_text()):
                if module in MAKERS:
                    found += 1
                    place = "state_machine_arn = module" if module == "state_machine" else "module"
                    named = re.sub(" +", " ", output)
                    # In an entry of its own, or in a list that an expression goes through.
                    forms = (f"{place}.{name}.", f"{name} = module.{name}")
                    assert any(form in named for form in forms), f"{flow.name} leaves out {name}"
    assert found > 13


def test_the_state_machines_of_flows_are_those_of_workflows_and_children() -> None:
    flows = {
        "one": {
            "workflows": {"main": {"state_machine_arn": "main"}, "old": {"state_machine_arn": "o"}},
            "children": {
                "call": {"state_machine_arn": "call", "cancel_arn": "cancel"},
                "jobs": {"state_machine_arn": "jobs", "cancel_arn": None},
            },
        },
        # As releases of before give them.
        "two": {"workflows": {"main": {"state_machine_arn": "two"}}},
        "three": {},
    }

    found = state_machines_of({"flows": flows})

    assert found == ["main", "o", "call", "cancel", "jobs", "two"]


def test_the_pipelines_session_outlasts_the_longest_canary() -> None:
    text = (BOOTSTRAP / "pipeline.tf").read_text()
    allowed = [int(number) for number in re.findall(r"session_seconds = (\d+)", text)]
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/promote.yml").read_text())
    variables = (ROOT / "variables.tf").read_text()
    longest = timedelta(minutes=deploy.MOST_MINUTES) + canary.MARGIN

    assert allowed == [SESSION_SECONDS["deploy"], SESSION_SECONDS["plan"]]
    assert f"var.canary.minutes <= {deploy.MOST_MINUTES}" in variables
    assert longest < timedelta(minutes=workflow["jobs"]["promote"]["timeout-minutes"])
    assert 60 * workflow["jobs"]["promote"]["timeout-minutes"] < SESSION_SECONDS["deploy"]


def test_a_record_ends_after_the_canary_and_a_margin() -> None:
    stable = canary.Versions()
    begin = datetime.now(UTC).replace(microsecond=0)

    record = canary.record_of("new", "old", 600, "p-", stable, {})

    for fields, left in (
        (record, timedelta(minutes=10) + canary.MARGIN),
        (canary.returning(), canary.MARGIN),
        (canary.settling(), canary.SETTLING_TIME),
    ):
        late = datetime.fromisoformat(fields["deadline"]) - begin - left
        assert timedelta(0) <= late < timedelta(minutes=1), fields["state"]


def test_the_guard_looks_from_the_beginning_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = [100.0], list[float]()
    monkeypatch.setattr("ops.releases.canary.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(
        "ops.releases.canary.time.sleep", lambda seconds: clock.append(clock.pop() + seconds)
    )

    canary.watch(lambda: looks.append(clock[0]), 40)

    assert looks == [100, 115, 130, 140]
