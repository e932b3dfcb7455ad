"""A canary in prd on the emulator: its promotion is killed, an alarm fires, the guard acts.

The tests build on each other, in their order. `tests/ops/unit/test_canary.py` kills a promotion at
each of its changes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from build.package import CACHE, SOURCES, build
from ops.aws.clients import Aws
from ops.flow import Workflow
from ops.releases.artifacts import built
from ops.releases.canary import Record
from ops.releases.deployment import Deployment
from ops.releases.provenance import here
from ops.settings import REPOSITORY
from ops.terraform.environments import STAGES, Environment
from ops.terraform.runner import Terraform
from tests.support.flows import flow_with, promoted
from tests.support.platform import Platform, Run, wait_for

pytestmark = pytest.mark.xdist_group("canary")

JsonObject = dict[str, Any]

PRD = STAGES[-1]
FLOW = flow_with("smoke", PRD)
MINUTES = "CANARY_MINUTES"
#: Promotes a release that prd's bucket has, as from an environment in which it was tested.
PROMOTE = """
import sys
from types import SimpleNamespace
from ops.context import Context
from ops.releases import deploy
from ops.releases.provenance import UNKNOWN
prd = Context.reachable("prd").deployment
packages = prd.artifacts.release(sys.argv[1])
deploy.promotable = lambda _: packages
tested = SimpleNamespace(origin=lambda _: UNKNOWN, read=prd.artifacts.read)
deploy.promote(SimpleNamespace(name="qa", artifacts=tested), prd, lambda _: None)
"""


@dataclass
class Prd:
    """The environment prd on an emulator of its own."""

    platform: Platform
    folder: Path
    releases: dict[str, str] = field(default_factory=dict)

    @property
    def deployment(self) -> Deployment:
        """Return the environment."""
        settings = replace(self.platform.settings, emulated=True)
        aws = Aws(PRD, settings)
        return Deployment(Environment.named(PRD), aws, Terraform(PRD, settings, aws))

    def make(self, target: str, *arguments: str) -> Run:
        """Type a command."""
        return self.platform.make(target, f"ENV={PRD}", *arguments, timeout=600)

    def release(self, title: str, change: Callable[[str], str]) -> str:
        """Build the sources with one function changed, and keep the release in the bucket."""
        sources = self.folder / title
        shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("__pycache__"))
        file = sources / FLOW / "receive_lead.py"
        file.write_text(change(file.read_text()))
        dist = self.folder / f"{title}-dist"
        build(sources, dist, CACHE)
        release, read = built(dist)
        artifacts = self.deployment.artifacts
        artifacts.put(release, read)
        artifacts.record_origin(release.digest, replace(here(), is_changed=False))
        self.releases[title] = release.digest
        return release.digest

    @contextmanager
    def promoting(self, title: str, minutes: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
        """Start a promotion; yield its process and the file of its output."""
        output = self.folder / f"{title}-{time.monotonic()}.txt"
        with output.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, "-c", PROMOTE, self.releases[title]],
                cwd=REPOSITORY,
                env={**self.platform.variables(), MINUTES: minutes},
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
            )
        try:
            yield process, output
        finally:
            process.kill()
            process.wait()

    def promote(self, title: str) -> str:
        """Promote a release with a canary of a few seconds; return the output."""
        with self.promoting(title, "0.1") as (process, output):
            code = process.wait(timeout=600)
            assert code == 0, output.read_text()
            return output.read_text()


@pytest.fixture(scope="module")
def prd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prd]:
    """Prd, which runs its first release, and has two more in its bucket."""
    platform = Platform.new(REPOSITORY / ".local" / "test-canary", promoted())
    platform.more = {"FLOWBRIDGE_EMULATED": "yes"}
    prd = Prd(platform, tmp_path_factory.mktemp("canary"))
    try:
        for run in (platform.make("up"), prd.make("bootstrap")):
            assert run.code == 0, run.text
        first = prd.release("first", lambda text: text)
        prd.release("second", lambda text: text + "# Second.\n")
        prd.release("third", lambda text: text + "# Third.\n")
        apply = prd.make("apply", f"RELEASE={first}", "CONFIRM=yes")
        assert apply.code == 0, apply.text
        smoke = prd.make("smoke")
        assert smoke.code == 0, smoke.text
        yield prd
    finally:
        down = platform.make("down")
        assert down.code == 0, down.text


def test_a_canary_is_judged_by_the_guard_and_settles(prd: Prd) -> None:
    text = prd.promote("second")
    drift = prd.make("drift")

    assert "10 % of the calls to the new release" in text
    assert "Smoke test passed" in text
    assert record_of(prd.deployment).state == "settling"
    assert prd.deployment.release() == prd.releases["second"]
    assert drift.code == 0, drift.text


def test_the_guard_reverts_a_promotion_that_was_killed(prd: Prd) -> None:
    deployment = prd.deployment
    with prd.promoting("third", "30") as (promotion, output):
        wait_for(lambda: "… Watch the new release" in output.read_text(), "the canary", 500)
        promotion.kill()
        promotion.wait()
    assert routed(deployment) == {90, 10}
    refused = prd.make("apply", "CONFIRM=yes")

    # As if three minutes had passed.
    record = record_of(deployment)
    put_record(deployment, {**record.content, "heartbeat": "2026-01-01T00:00:00+00:00"})
    wait_for(lambda: record_of(deployment).state == "reverted", "the guard's clock", 120)
    reverted = routed(deployment)
    drift = prd.make("drift")
    rollback = prd.make("rollback", "CONFIRM=yes")
    clean = prd.make("drift")

    assert refused.code != 0
    assert "'prd' is being changed" in refused.text
    assert reverted == {100}
    assert "a canary is reverted" in drift.text
    assert rollback.code == 0, rollback.text
    assert clean.code == 0, clean.text
    assert deployment.canaries.read() is None
    assert deployment.release() == prd.releases["second"]


def test_an_alarm_in_the_hour_after_a_promotion_reverts_it(prd: Prd) -> None:
    prd.promote("third")
    deployment = prd.deployment
    outputs = deployment.terraform.outputs()
    function = outputs["flows"][FLOW]["functions"]["ReceiveLead"]
    version = deployment.stable_versions(outputs).functions[function["name"]]

    # As the runtime writes an exception of the handler.
    logs, stream = deployment.aws.client("logs"), f"{datetime.now(UTC):%Y/%m/%d}/[{version}]made-up"
    logs.create_log_stream(logGroupName=function["log_group_name"], logStreamName=stream)
    line = json.dumps({"level": "ERROR", "errorType": "RuntimeError", "errorMessage": "broken"})
    logs.put_log_events(
        logGroupName=function["log_group_name"],
        logStreamName=stream,
        logEvents=[{"timestamp": int(time.time() * 1000), "message": line}],
    )
    # The line raises the alarm, and the alarm calls the guard.
    wait_for(lambda: record_of(deployment).state == "reverted", "the alarm", 120)
    stable = deployment.stable_versions(outputs).functions
    apply = prd.make("apply", "CONFIRM=yes")
    clean = prd.make("drift")

    assert stable[function["name"]] != version
    assert apply.code == 0, apply.text
    assert clean.code == 0, clean.text
    assert deployment.release() == prd.releases["second"]
    assert deployment.canaries.read() is None


def test_the_guard_needs_each_of_its_rights(prd: Prd) -> None:
    deployment = prd.deployment
    outputs = deployment.terraform.outputs()
    guard, iam = outputs["canary_guard"]["name"], deployment.aws.client("iam")
    workflow = Workflow.from_outputs(outputs, FLOW)
    machine, states = workflow.state_machine_arn, deployment.aws.client("stepfunctions")
    # Fails: its input has no lead.
    started = states.start_execution(stateMachineArn=f"{machine}:live", input="{}")["executionArn"]
    wait_for(
        lambda: states.describe_execution(executionArn=started)["status"] == "FAILED", "the failure"
    )
    stable = deployment.stable_versions(outputs)
    functions = {n.removeprefix("flowbridge-prd-"): v for n, v in stable.functions.items()}
    name = machine.rpartition(":flowbridge-prd-")[2]
    content: JsonObject = {
        "id": "rights",
        "release": deployment.release(),
        "before": deployment.release(),
        "by": "a test",
        "begun": "2026-01-01T00:00:00+00:00",
        "heartbeat": "2099-01-01T00:00:00+00:00",
        "deadline": "2099-01-01T00:00:00+00:00",
        "patterns": ["{ $.errorType = NoSuchError }"],
        "functions": {},
        "state_machines": {},
    }
    # Every other version than the stable one is new.
    other_function = {"functions": {n: ["999", 0] for n in list(functions)[:1]}}
    real_function = {"functions": {n: [v, 0] for n, v in list(functions.items())[:1]}}
    other_machine = {"state_machines": {name: "999"}}
    look, revert = {"action": "judge"}, {"action": "revert", "reason": "a test"}
    cases: dict[str, tuple[JsonObject, JsonObject]] = {
        "ReadCanary": ({}, look),
        "RecordRevert": ({}, revert),
        "EndCanary": ({"state": "settling", "deadline": "2026-01-01T00:00:00+00:00"}, look),
        "ReadFunctions": (real_function, look),
        "RevertFunctions": (other_function, revert),
        "ReadErrors": (other_function, look),
        "ReadStateMachines": (other_machine, look),
        "RevertStateMachines": (other_machine, revert),
        "ReadFailedExecutions": (other_machine, look),
    }
    role = outputs["canary_guard"]["role_name"]
    document = iam.get_role_policy(RoleName=role, PolicyName="function")["PolicyDocument"]

    def denied(fields: JsonObject, event: JsonObject) -> str:
        put_record(deployment, {**content, "state": "trying", **fields})
        answer = deployment.aws.client("lambda").invoke(
            FunctionName=guard, Qualifier="live", Payload=json.dumps(event).encode()
        )
        text: str = answer["Payload"].read().decode()
        return text if "AccessDenied" in text else ""

    def put(kept: list[JsonObject]) -> None:
        policy = json.dumps({**document, "Statement": kept})
        iam.put_role_policy(RoleName=role, PolicyName="function", PolicyDocument=policy)

    own = {s["Sid"] for s in document["Statement"]} - {"WriteOwnLogs", "WriteTraces"}
    assert own == set(cases)
    try:
        for sid, (fields, event) in cases.items():
            put([s for s in document["Statement"] if s["Sid"] != sid])
            assert denied(fields, event), sid
            put(document["Statement"])
            if "999" not in str(fields) or event == look:
                assert not denied(fields, event), sid
    finally:
        put(document["Statement"])
        deployment.canaries.remove()


def routed(deployment: Deployment) -> set[int]:
    """Return the weights of the versions of a state machine."""
    outputs = deployment.terraform.outputs()
    alias = f"{Workflow.from_outputs(outputs, FLOW).state_machine_arn}:live"
    client = deployment.aws.client("stepfunctions")
    routes = client.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"]
    weights = {int(route["weight"]) for route in routes}
    # A release that changes no state machine has one version of it; its functions have two.
    functions = [
        deployment.aws.client("lambda").get_alias(FunctionName=name, Name="live")
        for name in deployment.stable_versions(outputs).functions
    ]
    shares = [
        int(100 * share)
        for function in functions
        for share in function.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}).values()
    ]
    return weights if not shares else {100 - shares[0], *shares}


def record_of(deployment: Deployment) -> Record:
    """Return the canary record, which must be there."""
    record = deployment.canaries.read()
    assert record is not None
    return record


def put_record(deployment: Deployment, content: Mapping[str, Any]) -> None:
    """Write a canary record."""
    deployment.aws.client("ssm").put_parameter(
        Name=f"/flowbridge/{deployment.name}/canary",
        Value=json.dumps(content),
        Type="String",
        Overwrite=True,
    )
