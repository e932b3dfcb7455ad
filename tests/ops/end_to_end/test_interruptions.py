"""A command that was interrupted, at whatever moment, is typed again and succeeds."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ops.settings import LOCAL, REPOSITORY
from ops.terraform.environments import Environment
from ops.terraform.runner import ROOT
from tests.support.platform import COLORS, Platform

SECONDS = 500
APPLY = r"Apply Terraform to 'local': "


class Command:
    """A command on a terminal of its own, which prints its progress as it goes on."""

    def __init__(self, platform: Platform, *words: str) -> None:
        self._terminal, inner = pty.openpty()
        self.process = subprocess.Popen(
            words,
            cwd=REPOSITORY,
            env={**platform.variables(), "COLUMNS": "300", "TERM": "xterm"},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        self._deadline = time.monotonic() + SECONDS
        self.text = ""

    def read(self) -> bool:
        """Read some of the output; return whether there was any."""
        assert time.monotonic() < self._deadline, self.text[-2000:]
        try:
            part = os.read(self._terminal, 1 << 16)
        except OSError:  # as Linux ends a terminal
            part = b""
        self.text += COLORS.sub("", part.decode(errors="replace"))
        return bool(part)

    def when(self, pattern: str, act: Callable[[], Any]) -> None:
        """Act once the output matches a pattern."""
        seen = 0
        while not re.search(pattern, self.text[seen:]):
            seen = max(0, len(self.text) - 500)
            assert self.read(), f"{pattern} never came: {self.text[-2000:]}"
        act()

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Send a signal to the group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def end(self) -> int:
        """Read to the end; return the exit code."""
        while self.read():
            pass
        os.close(self._terminal)
        return self.process.wait(60)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Platform]:
    """An environment of the test's own, not started."""
    environment = Platform.new(tmp_path / "environment")
    yield environment
    down = environment.make("down")
    assert down.code == 0, down.text


def state(platform: Platform) -> dict[str, Any]:
    """Return Terraform's state."""
    environment = Environment(LOCAL)
    answer = platform.aws.client("s3").get_object(
        Bucket=environment.state_bucket, Key=environment.state_key
    )
    found: dict[str, Any] = json.load(answer["Body"])
    return found


def addresses(platform: Platform) -> dict[str, list[str]]:
    """Return the addresses of the managed resources in the state, by type."""
    found: dict[str, list[str]] = {}
    for resource in state(platform)["resources"]:
        if resource["mode"] == "managed":
            place = ".".join(filter(None, [resource.get("module"), resource["type"]]))
            for instance in resource["instances"]:
                key = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
                found.setdefault(resource["type"], []).append(f"{place}.{resource['name']}{key}")
    return found


def forget(platform: Platform, forgotten: list[str]) -> None:
    """Take resources out of the state, as if Terraform had not got the answers of its calls."""
    terraform(platform, "state", "rm", *forgotten)


def terraform(platform: Platform, *command: str) -> None:
    """Run Terraform by hand."""
    subprocess.run(
        ["terraform", *command],
        cwd=ROOT,
        env=platform.terraform.process_environment(),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def assert_runs(platform: Platform) -> None:
    """Assert that the demo succeeds and is complete."""
    demo = platform.make("demo")
    assert demo.code == 0, demo.text
    assert "SUCCEEDED" in demo.text
    plan = platform.make("plan")
    assert plan.code == 0, plan.text


def test_a_start_may_be_interrupted(environment: Platform) -> None:
    for moment in (
        r"Start MariaDB",
        r"the account has before the platform: init",
        r"the account has before the platform: \d+ of",
    ):
        demo = Command(environment, "make", "--no-print-directory", "demo")
        demo.when(moment, demo.interrupt)
        assert demo.end() == -signal.SIGINT, demo.text[-2000:]
        assert "Traceback" not in demo.text

    for words in ("(", "nothing changed"):
        bootstrap = environment.make("bootstrap", "ENV=local")
        assert bootstrap.code == 0, bootstrap.text
        assert words in bootstrap.text


def test_what_exists_although_the_state_lacks_it_is_adopted(platform: Platform) -> None:
    known = addresses(platform)
    kinds = ("aws_lambda_function", "aws_iam_role", "aws_cloudwatch_log_group", "aws_sqs_queue")
    forgotten = [known[kind][0] for kind in kinds]
    forget(platform, forgotten)
    # As Terraform marks a function whose creation was cut off; a deployment depends on it.
    interrupted = next(x for x in known["aws_lambda_function"] if "create_client" in x.lower())
    terraform(platform, "taint", interrupted)
    (platform.settings.folder / "terraform" / "local" / "terraform.unfinished").touch()

    applied = platform.make("apply")

    assert applied.code == 0, applied.text
    assert f"{len(forgotten)} imported" in applied.text
    assert {*forgotten} <= {each for some in addresses(platform).values() for each in some}
    plan = platform.make("plan")
    assert plan.code == 0, plan.text


@pytest.mark.long
def test_what_an_interrupted_apply_created_is_adopted(environment: Platform) -> None:
    """An interrupted call may have created what Terraform does not know of."""
    demo = Command(environment, "make", "--no-print-directory", "demo")
    demo.when(rf"{APPLY}2\d\d of", demo.interrupt)
    assert demo.end() == -signal.SIGINT, demo.text[-2000:]
    assert "Terraform stops in good order" in demo.text
    known = addresses(environment)
    kinds = ("aws_lambda_function", "aws_iam_role", "aws_cloudwatch_log_group", "aws_sqs_queue")
    forgotten = [address for kind in kinds for address in known[kind][:2]]
    forgotten += known["aws_api_gateway_rest_api"][:1]
    gateway = environment.aws.client("apigateway")
    made = {api["id"] for api in gateway.get_rest_apis()["items"]}
    forget(environment, forgotten)

    assert_runs(environment)

    apis = gateway.get_rest_apis()["items"]
    assert made <= {api["id"] for api in apis}
    assert len(apis) == len({api["name"] for api in apis})
    assert {*forgotten} <= {each for some in addresses(environment).values() for each in some}


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_the_demo_may_be_interrupted_at_ten_moments(environment: Platform) -> None:
    """Each run gets beyond the moment at which the one before was interrupted."""
    moments = [
        r"Start MariaDB",
        r"the account has before the platform: init",
        r"the account has before the platform: \d+ of",
        r"Release to 'local'",
        rf"{APPLY}init",
        rf"{APPLY}(1\d|2\d) (of|done)",
        rf"{APPLY}(6\d|7\d|8\d) (of|done)",
        rf"{APPLY}(3\d|4\d|5\d) (of|done)",
        rf"{APPLY}(2\d|3\d) (of|done)",
        r"A lead arrives on the bus",
    ]
    for moment in moments:
        demo = Command(environment, "make", "--no-print-directory", "demo")
        demo.when(moment, demo.interrupt)
        assert demo.end() == -signal.SIGINT, demo.text[-2000:]
        assert "Traceback" not in demo.text

    assert_runs(environment)


@pytest.mark.long
def test_a_killed_demo_is_typed_again(environment: Platform) -> None:
    """Nothing gives back Terraform's lock, and what it did since its last write is not known."""
    demo = Command(environment, "make", "--no-print-directory", "demo")

    def kill() -> None:
        demo.interrupt(signal.SIGKILL)
        for process in psutil.process_iter(["name", "environ"]):
            folder = (process.info["environ"] or {}).get("TF_DATA_DIR", "")
            if folder.startswith(str(environment.settings.folder)):
                process.kill()

    demo.when(rf"{APPLY}2\d\d of", kill)
    demo.end()

    assert_runs(environment)
