"""The repository's files name only what exists, and a flow only in its own folders."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.new_flow import flow_folders
from ops.settings import REPOSITORY

CODEOWNERS = REPOSITORY / ".github" / "CODEOWNERS"
DEPENDABOT = REPOSITORY / ".github" / "dependabot.yml"
PRE_COMMIT = REPOSITORY / ".pre-commit-config.yaml"
MAKEFILE = REPOSITORY / "Makefile"

#: The example of the guide and of the modules' documents may become a flow.
EXAMPLE = "order_intake"
FLOWS = sorted({*flow_folders(REPOSITORY)} - {EXAMPLE})
#: Which files of a folder each of Dependabot's ecosystems reads.
READ_BY = {
    "github-actions": (".github/workflows/*.yml", "action.yml"),
    "pip": ("*.txt",),
}

#: Where a flow may be named: in its folders, where it is wired and switched on, and in what is
#: generated from these.
OWN_FOLDERS = (
    "terraform/flows/{}/",
    "lambda_src/{}/",
    "tests/flows/{}/",
    "examples/{}/",
    "ops/flows/{}/",
    "ops/flows/{}.py",
    "web/{}/",
)
WIRING = ("terraform/flows.tf", "terraform/envs/", "docs/flows.md", "CHANGELOG.md")
#: Other files that name flows, and why.
NAMING = {
    "terraform/moved.tf": "history: resources that moved into a flow, from which environments come",
    "tests/platform/last_release.json": "history: the state of the last release",
    "README.md": "shows the first flow's picture, and what 'make demo' prints of it",
    "benchmarks/README.md": "generated from benchmarks/results",
    "docs/costs.md": "generated from the flows' counted usage",
    "docs/rights.md": "generated from the flows' expectations",
    "benchmarks/results/": "what was measured, by package",
}


def tracked() -> list[str]:
    """Return the files under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\0") if (REPOSITORY / name).is_file()]


def forms(flow: str) -> tuple[str, ...]:
    """Return how a flow is written: snake case, kebab case and Pascal case."""
    words = flow.split("_")
    return flow, "-".join(words), "".join(word.capitalize() for word in words)


def naming(flow: str) -> set[str]:
    """Return the files that name a flow, outside of its folders and of its wiring."""
    names = [form.encode() for form in forms(flow)]
    own = tuple(folder.format(flow) for folder in OWN_FOLDERS) + WIRING
    return {
        file
        for file in tracked()
        if not file.startswith(own)
        and any(name in (REPOSITORY / file).read_bytes() for name in names)
    }


def owner_lines() -> dict[str, list[str]]:
    lines = [line.split() for line in CODEOWNERS.read_text().splitlines()]
    return {words[0]: words[1:] for words in lines if words and not words[0].startswith("#")}


def updates() -> dict[str, dict[str, Any]]:
    content = yaml.safe_load(DEPENDABOT.read_text())
    return {update["package-ecosystem"]: update for update in content["updates"]}


def folders(patterns: Collection[str]) -> set[Path]:
    found = {REPOSITORY} if "/" in patterns else set()
    for pattern in patterns:
        if pattern != "/":
            found |= {folder for folder in REPOSITORY.glob(pattern[1:]) if folder.is_dir()}
    return found


def make_recipe(target: str) -> list[str]:
    """Return the commands of a target, with the Makefile's variables filled in."""
    text = MAKEFILE.read_text()
    variables = dict(re.findall(r"^(\w+) *:= *(.+)$", text, flags=re.MULTILINE))
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text, flags=re.MULTILINE)
    assert recipe
    commands = [line.strip().lstrip("@") for line in recipe[1].splitlines()]
    while any("$(" in command for command in commands):
        commands = [re.sub(r"\$\((\w+)\)", lambda m: variables[m[1]], one) for one in commands]
    return commands


@pytest.mark.parametrize("pattern", owner_lines())
def test_codeowners_names_files_that_exist_and_a_team(pattern: str) -> None:
    assert pattern == "*" or pattern.startswith("/")
    assert list(REPOSITORY.glob(pattern.strip("/")))
    owners = owner_lines()[pattern]
    assert owners
    assert all(re.fullmatch(r"@[\w-]+/[\w-]+", owner) for owner in owners)


def test_codeowners_has_an_owner_for_every_file() -> None:
    assert next(iter(owner_lines())) == "*"


@pytest.mark.parametrize("ecosystem", READ_BY)
def test_dependabot_looks_into_folders_that_hold_something(ecosystem: str) -> None:
    for pattern in updates()[ecosystem]["directories"]:
        found = folders([pattern])
        assert any(list(f.glob(name)) for f in found for name in READ_BY[ecosystem]), pattern


def test_dependabot_updates_every_lock_file() -> None:
    locks = {file.parent for file in (REPOSITORY / "requirements").glob("*.txt")}
    locks |= {file.parent for file in (REPOSITORY / "lambda_src").glob("*/requirements.txt")}

    assert locks
    assert locks <= folders(updates()["pip"]["directories"])


def test_dependabot_updates_every_action() -> None:
    actions = {file.parent for file in (REPOSITORY / ".github").glob("actions/*/action.yml")}

    assert actions
    # It reads the workflows where it is given the root.
    assert actions | {REPOSITORY} <= folders(updates()["github-actions"]["directories"])


def test_pre_commit_runs_what_make_lint_runs() -> None:
    repositories = yaml.safe_load(PRE_COMMIT.read_text())["repos"]
    hooks = [hook for repository in repositories for hook in repository["hooks"]]

    assert [repository["repo"] for repository in repositories] == ["local"]
    assert [hook["entry"] for hook in hooks] == make_recipe("lint")
    # Each checks the whole tree with the project's own tools.
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in hooks)


def test_the_licence_is_the_one_that_the_project_names() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    text = (REPOSITORY / "LICENSE").read_text()

    assert project["license"] == "Apache-2.0"
    assert re.match(r"\s*Apache License\n\s*Version 2\.0, January 2004\n", text)
    assert text.rstrip().endswith("limitations under the License.")


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

    titles = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert titles[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(project['version'])}\] - \d{{4}}-\d\d-\d\d", titles[1])
    kinds = set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("flow", FLOWS)
def test_no_flow_is_named_outside_its_folders(flow: str) -> None:
    assert {file for file in naming(flow) if not file.startswith(tuple(NAMING))} == set()


def test_what_may_name_a_flow_does() -> None:
    found = {file for flow in FLOWS for file in naming(flow)}

    assert {name for name in NAMING if not [f for f in found if f.startswith(name)]} == set()
    # The search finds the names that are there.
    assert "terraform/flows.tf" in tracked()
    for flow in FLOWS:
        text = (REPOSITORY / "terraform" / "flows.tf").read_text()
        assert [form for form in forms(flow) if form in text]
