"""What the README tells people to type works, and what it shows is what they see."""

from __future__ import annotations

import re
import shlex

import pytest

from ops.settings import REPOSITORY
from tests.support.platform import Platform

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- commands -->\n```console\n(.*?)```", README, re.DOTALL)
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def test_the_readme_has_commands() -> None:
    assert "make demo" in COMMANDS


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "make test-unit"])
def test_a_command_of_the_readme_works(platform: Platform, command: str) -> None:
    run = platform.run(*shlex.split(command))

    assert run.code == 0, run.text


def test_every_target_that_a_document_names_exists() -> None:
    documents = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("terraform/**/*.md")]
    command = re.compile(r"(?:\$ |`)make ([a-z][a-z-]*)")
    named = {
        (document.name, target)
        for document in documents
        for target in command.findall(document.read_text(encoding="utf-8"))
    }

    assert {(name, target) for name, target in named if target not in TARGETS} == set()
