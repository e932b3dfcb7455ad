"""GitHub's workflows do nothing that the Makefile does not, and have no rights to spare."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.settings import REPOSITORY

FOLDER = REPOSITORY / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
ACTIONS = sorted((FOLDER / "actions").glob("*/action.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE))
#: The oldest major version of each action that may run.
OLDEST = {"actions/checkout": 7, "actions/setup-python": 7, "hashicorp/setup-terraform": 4}
ALLOWED = {"contents": "read", "id-token": "write", "pull-requests": "write"}


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    return content


def jobs(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(file)["jobs"]
    return found


def steps(file: Path) -> Iterator[dict[str, Any]]:
    content = read(file)
    for job in content.get("jobs", {}).values():
        yield from job["steps"]
    yield from content.get("runs", {}).get("steps", [])


def test_there_is_a_workflow_for_each_task() -> None:
    assert [file.stem for file in WORKFLOWS] == [
        "drift",
        "main",
        "nightly",
        "promote",
        "pull-request",
    ]


@pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_every_command_is_one_target_of_the_makefile(file: Path) -> None:
    for step in steps(file):
        if "run" in step:
            # No expression either: text typed into GitHub passes through a variable.
            command = re.fullmatch(r"make ([a-z-]+)", step["run"])
            assert command, step["run"]
            assert command[1] in TARGETS


@pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_every_action_is_pinned_by_its_commit(file: Path) -> None:
    for step in steps(file):
        if "uses" in step and not step["uses"].startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
    for line in file.read_text().splitlines():
        if "@" in line:
            pin = re.search(r"uses: (\S+)@[0-9a-f]{40} # v(\d+)\.\d+\.\d+$", line)
            assert pin, f"which version is {line}?"
            assert int(pin[2]) >= OLDEST[pin[1]], f"{pin[1]} is older than v{OLDEST[pin[1]]}"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda f: f.stem)
def test_rights_are_declared_and_few(file: Path) -> None:
    assert read(file)["permissions"] == {"contents": "read"}
    for job in jobs(file).values():
        rights = job.get("permissions", {})
        assert rights.items() <= ALLOWED.items()
        signs_in = any(step.get("run") == "make sign-in" for step in job["steps"])
        assert ("id-token" in rights) == signs_in
        # A promotion waits for its canary.
        assert 0 < job["timeout-minutes"] <= (115 if file.stem == "promote" else 60)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda f: f.stem)
def test_there_is_no_secret_and_no_token_is_left_in_the_folder(file: Path) -> None:
    assert "secrets." not in file.read_text()
    for step in steps(file):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda f: f.stem)
def test_who_deploys_belongs_to_an_environment_one_at_a_time(file: Path) -> None:
    for job in jobs(file).values():
        variables = [job.get("env", {}), *(step.get("env", {}) for step in job["steps"])]
        [target] = {v["ENV"] for v in variables if v.get("ROLE") == "deploy"} or {None}
        if target is not None:
            # The same name, so that a job never changes what its environment did not approve.
            assert job["environment"] == target
            assert job["concurrency"] == {"group": target, "cancel-in-progress": False}


def test_a_promotion_runs_the_commit_of_its_release() -> None:
    """Packages of one commit with Terraform's files of another were never tried together."""
    found = jobs(FOLDER / "workflows" / "promote.yml")
    named, promoted = found["commit"], found["promote"]
    commit = "${{ needs.commit.outputs.commit }}"

    [naming] = [step for step in named["steps"] if step.get("run") == "make release-commit"]
    assert named["outputs"] == {"commit": f"${{{{ steps.{naming['id']}.outputs.commit }}}}"}
    assert "environment" not in named
    # Only a commit of the branch is passed on; a shallow clone cannot check that.
    assert named["steps"][0]["with"]["fetch-depth"] == 0
    assert promoted["needs"] == "commit"
    assert promoted["steps"][0]["with"]["ref"] == commit
    [promotion] = [step for step in promoted["steps"] if step.get("run") == "make promote"]
    assert promotion["env"]["COMMIT"] == commit
    assert naming["env"]["ENV"] == promotion["env"]["FROM"]


def test_a_pull_request_gets_no_role_that_changes_anything() -> None:
    text = (FOLDER / "workflows" / "pull-request.yml").read_text()

    assert "deploy" not in text
    assert "pull_request_target" not in text


def test_every_night_runs_the_tests_that_others_leave_out() -> None:
    """A long test that no command runs proves nothing."""
    night = FOLDER / "workflows" / "nightly.yml"
    commands = {step["run"] for step in steps(night) if "run" in step}

    assert commands == {"make test-long", "make test-hostile"}
    # PyYAML reads the name "on" as a boolean.
    assert "schedule" in dict(read(night))[True]  # type: ignore[index]
