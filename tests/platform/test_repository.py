"""The files that GitHub, editors and pre-commit read name only what exists, and nothing twice."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.settings import REPOSITORY

CODEOWNERS = REPOSITORY / ".github" / "CODEOWNERS"
DEPENDABOT = REPOSITORY / ".github" / "dependabot.yml"
PRE_COMMIT = REPOSITORY / ".pre-commit-config.yaml"
MAKEFILE = REPOSITORY / "Makefile"

#: Which files of a folder each of Dependabot's ecosystems reads.
READ_BY = {
    "github-actions": (".github/workflows/*.yml", "action.yml"),
    "pip": ("*.txt",),
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
