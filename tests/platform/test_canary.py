"""A canary in prd on the emulator: its functions fail, its promotion is killed, the guard acts.

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
#: The name of the flow's state machine, as the canary record has it.
MACHINE = FLOW.replace("_", "-")
MINUTES = "CANARY_MINUTES"
#: The event on which the changed functions fail, and what its error is then.
CRASHING, CRASH = {"id": "crashing", "detail": {}}, "RuntimeError"
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

    def define(self, attempts: int) -> None:
        """Have the commands read other definitions, whose states retry so often."""
        self.platform.more["TF_VAR_retry"] = json.dumps({"max_attempts": attempts})

    def crash(self, function: str) -> None:
        """Call a function until a new version fails as the old one does not."""
        client, payload = self.deployment.aws.client("lambda"), json.dumps(CRASHING).encode()

        def error() -> bool:
            answer = client.invoke(FunctionName=function, Qualifier="live", Payload=payload)
            found: str = json.load(answer["Payload"])["errorType"]
            return found == CRASH

        wait_for(error, f"a failure of {function}")

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
        prd.release("second", crashing)
        prd.release("third", lambda text: crashing(text) + "# Third.\n")
        apply = prd.make("apply", f"RELEASE={first}", "CONFIRM=yes")
        assert apply.code == 0, apply.text
        smoke = prd.make("smoke")
        assert smoke.code == 0, smoke.text
        yield prd
    finally:
        down = platform.make("down")
        assert down.code == 0, down.text


def test_a_canary_is_judged_by_the_guard_and_settles(prd: Prd) -> None:
    deployment, [before] = prd.deployment, routes(prd.deployment)
    prd.define(21)
    text = prd.promote("second")
    drift = prd.make("drift")

    assert "10 % of the calls to the new release" in text
    assert "Smoke test passed" in text
    assert record_of(deployment).state == "settling"
    assert record_of(deployment).content["state_machines"][MACHINE] == before
    assert deployment.release() == prd.releases["second"]
    assert routes(deployment) == {newest(deployment): 100}
    assert newest(deployment) != before
    assert drift.code == 0, drift.text


def test_an_alarm_in_the_hour_after_a_promotion_reverts_it(prd: Prd) -> None:
    deployment = prd.deployment
    function = deployment.terraform.outputs()["flows"][FLOW]["functions"]["ReceiveLead"]["name"]
    record, version = record_of(deployment), live(deployment, function)

    prd.crash(function)
    # Its line in the log raises the alarm, and the alarm calls the guard.
    wait_for(lambda: record_of(deployment).state == "reverted", "the alarm", 120)
    reverted, stable = routes(deployment), live(deployment, function)
    prd.define(22)
    apply = prd.make("apply", "CONFIRM=yes")
    clean = prd.make("drift")

    assert reverted == {record.content["state_machines"][MACHINE]: 100}
    assert stable != version
    assert apply.code == 0, apply.text
    assert clean.code == 0, clean.text
    assert deployment.release() == prd.releases["first"]
    assert deployment.canaries.read() is None


def test_a_new_version_that_fails_is_taken_back(prd: Prd) -> None:
    deployment, [before] = prd.deployment, routes(prd.deployment)
    prd.define(23)
    function = deployment.terraform.outputs()["flows"][FLOW]["functions"]["ReceiveLead"]["name"]
    with prd.promoting("third", "30") as (promotion, output):
        wait_for(lambda: "… Watch the new release" in output.read_text(), "the canary", 500)
        assert shares(deployment) == {10}
        prd.crash(function)
        code = promotion.wait(timeout=300)

    assert code != 0
    assert f"of {function} failed" in output.read_text()
    assert "It was taken back" in output.read_text()
    assert shares(deployment) == set()
    # Terraform's files here are still those of the new release.
    assert routes(deployment) == {before: 100}
    assert newest(deployment) != before
    assert deployment.release() == prd.releases["first"]
    assert deployment.canaries.read() is None


def test_the_guard_reverts_a_promotion_that_was_killed(prd: Prd) -> None:
    deployment, [before] = prd.deployment, routes(prd.deployment)
    prd.define(21)
    with prd.promoting("third", "30") as (promotion, output):
        wait_for(lambda: "… Watch the new release" in output.read_text(), "the canary", 500)
        promotion.kill()
        promotion.wait()
    tried, new, tried_shares = routes(deployment), newest(deployment), shares(deployment)
    refused = prd.make("apply", "CONFIRM=yes")

    # As if three minutes had passed.
    record = record_of(deployment)
    put_record(deployment, {**record.content, "heartbeat": "2026-01-01T00:00:00+00:00"})
    wait_for(lambda: record_of(deployment).state == "reverted", "the guard's clock", 120)
    reverted, reverted_shares = routes(deployment), shares(deployment)
    drift = prd.make("drift")
    prd.define(22)
    rollback = prd.make("rollback", "CONFIRM=yes")
    clean = prd.make("drift")

    assert tried == {before: 90, new: 10}
    assert tried_shares == {10}
    assert refused.code != 0
    assert "'prd' is being changed" in refused.text
    assert reverted == {before: 100}
    assert reverted_shares == set()
    assert "a canary is reverted" in drift.text
    assert rollback.code == 0, rollback.text
    assert clean.code == 0, clean.text
    assert deployment.canaries.read() is None
    assert deployment.release() == prd.releases["first"]
    assert routes(deployment) == {newest(deployment): 100}


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


def crashing(text: str) -> str:
    """Return the text of the function's module, with a failure on one event."""
    line = "    lead = read_detail("
    assert text.count(line) == 1
    crash = f"    if event['id'] == '{CRASHING['id']}':\n        raise {CRASH}('broken')\n"
    return text.replace(line, crash + line)


def routes(deployment: Deployment) -> dict[str, int]:
    """Return the weight of each version that the alias of the state machine starts."""
    alias = f"{machine_arn(deployment)}:live"
    client = deployment.aws.client("stepfunctions")
    found = client.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"]
    return {route["stateMachineVersionArn"].rpartition(":")[2]: route["weight"] for route in found}


def newest(deployment: Deployment) -> str:
    """Return the newest version of the state machine."""
    client = deployment.aws.client("stepfunctions")
    found = client.list_state_machine_versions(stateMachineArn=machine_arn(deployment))
    arns = [version["stateMachineVersionArn"] for version in found["stateMachineVersions"]]
    return str(max(int(arn.rpartition(":")[2]) for arn in arns))


def machine_arn(deployment: Deployment) -> str:
    """Return the ARN of the state machine."""
    account = f"{deployment.environment.region}:{deployment.environment.account_id}"
    return f"arn:aws:states:{account}:stateMachine:{deployment.environment.prefix}-{MACHINE}"


def shares(deployment: Deployment) -> set[int]:
    """Return the percentages of calls that the functions' additional versions get."""
    client = deployment.aws.client("lambda")
    return {
        round(100 * share)
        for name in deployment.technical_errors(deployment.terraform.outputs())
        for share in client.get_alias(FunctionName=name, Name="live")
        .get("RoutingConfig", {})
        .get("AdditionalVersionWeights", {})
        .values()
    }


def live(deployment: Deployment, function: str) -> str:
    """Return the version of a function that gets most calls."""
    alias = deployment.aws.client("lambda").get_alias(FunctionName=function, Name="live")
    version: str = alias["FunctionVersion"]
    return version


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
