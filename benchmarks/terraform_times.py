"""Terraform: the duration of plan and apply on the local environment."""

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
    """Run a Terraform command for the environment; return the seconds."""
    command = ["terraform", *arguments, "-input=false", "-no-color"]
    command += [f"-parallelism={PARALLELISM}", *platform.terraform.arguments()]
    environment = {**platform.terraform.process_environment(), "PATH": os.environ["PATH"]}
    return timed(command, ROOT, environment)


def count_resources(platform: Platform) -> int:
    """Return the number of resources and data sources in the state."""
    environment = platform.terraform.process_environment()
    command = ["terraform", "state", "list"]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return len(result.stdout.splitlines())


def measure() -> dict[str, Any]:
    """Plan and apply in an empty account, in several rounds."""
    times: dict[str, list[float]] = {case: [] for case in CASES}
    resources = 0
    for number in range(ROUNDS):
        with bootstrapped() as platform:
            platform.terraform.init(lambda _: None)
            times["plan of everything"].append(terraform(platform, "plan"))
            times["apply of everything"].append(terraform(platform, "apply", "-auto-approve"))
            # -detailed-exitcode fails if the plan is not empty.
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
    head = ["case", "ratio to the apply", "median"]
    return "\n\n".join([ABOUT.format(**data), table(head, rows)])


ABOUT = """\
The root module, with {resources} resources and data sources, on the local environment. Each of
{rounds} rounds starts with an empty account after `init`. A round fails if its second plan is not
empty. Most of an apply is waiting: the provider always waits 25 s after it creates a queue, so the
apply can hardly be shorter."""
