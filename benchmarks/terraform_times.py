"""Terraform: how long the local environment's plan and apply take."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from benchmarks.commands import timed
from benchmarks.environment import bootstrapped
from benchmarks.figures import median, seconds, table
from ops.terraform.runner import PARALLELISM, ROOT
from tests.support.platform import Platform

TITLE = "Terraform"
ROUNDS = 3
CASES = ("plan of everything", "apply of everything", "plan with no change")


def terraform(platform: Platform, *arguments: str) -> float:
    """Run a command with the environment's variables; return the seconds."""
    command = ["terraform", *arguments, "-input=false", "-no-color"]
    command += [f"-parallelism={PARALLELISM}", *platform.terraform.arguments()]
    environment = {**platform.terraform.process_environment(), "PATH": os.environ["PATH"]}
    return timed(command, ROOT, environment)


def count_resources(platform: Platform) -> int:
    """Return how many resources and data the state holds."""
    environment = platform.terraform.process_environment()
    command = ["terraform", "state", "list"]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return len(result.stdout.splitlines())


def measure() -> dict[str, Any]:
    """Apply to an empty account, round by round."""
    times: dict[str, list[float]] = {case: [] for case in CASES}
    resources = 0
    for number in range(ROUNDS):
        with bootstrapped() as platform:
            platform.terraform.init(lambda _: None)
            times["plan of everything"].append(terraform(platform, "plan"))
            times["apply of everything"].append(terraform(platform, "apply", "-auto-approve"))
            # It fails when there is a change.
            times["plan with no change"].append(terraform(platform, "plan", "-detailed-exitcode"))
            resources = count_resources(platform)
        print(f"  round {number + 1} of {ROUNDS}")
    return {"rounds": ROUNDS, "times": times, "resources": resources}


def render(data: dict[str, Any]) -> str:
    """Return the part's section."""
    applied = median(data["times"]["apply of everything"])
    rows = [
        [case, f"{median(times) / applied:.2f}", seconds(median(times))]
        for case, times in data["times"].items()
    ]
    head = ["case", "to the apply", "median"]
    return "\n\n".join([ABOUT.format(**data), table(head, rows)])


ABOUT = """\
The root module, {resources} resources and data, on the local environment: each of {rounds} rounds
begins with an empty account, and `init` is done. A round fails unless its second plan is empty.
Most of an apply is waiting: the provider lets 25 s pass after it made a queue, whatever the
service answers, so the apply can hardly be shorter."""
