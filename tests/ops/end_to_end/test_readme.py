"""The README's commands work, and its output is what they print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest

from ops.settings import REPOSITORY
from tests.support.documents import commands_of
from tests.support.flows import part_of, shared
from tests.support.platform import Platform

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- commands -->\n```console\n(.*?)```", README, re.DOTALL)
COMMANDS = [line.removeprefix("$ ") for block in BLOCKS for line in block.splitlines()]
#: Of the flows that share environments; each command runs where its flow is.
FLOW_COMMANDS = [
    pytest.param(part_of(flow), command, marks=pytest.mark.xdist_group(f"platform-{part_of(flow)}"))
    for flow in shared()
    for command in commands_of(flow)
]
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def test_the_readme_has_commands() -> None:
    assert "make demo" in COMMANDS


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "make test-unit"])
def test_a_command_of_the_readme_works(platform: Platform, command: str) -> None:
    run = platform.run(*shlex.split(command))

    assert run.code == 0, run.text


@pytest.mark.parametrize(("part", "command"), FLOW_COMMANDS)
def test_a_command_of_a_flows_document_works(
    shared_environment: Callable[[str], Platform], part: str, command: str
) -> None:
    run = shared_environment(part).run(*shlex.split(command))

    # Other tests lose events on purpose, which 'make reconcile' reports with its exit code.
    assert run.code == 0 or " accepted: " in run.text, run.text


def test_every_target_that_a_document_names_exists() -> None:
    documents = [
        file
        for glob in ("*.md", "docs/*.md", "terraform/**/*.md")
        for file in REPOSITORY.glob(glob)
    ]
    command = re.compile(r"(?:\$ |`)make ([a-z][a-z-]*)")
    named = {
        (document.name, target)
        for document in documents
        for target in command.findall(document.read_text(encoding="utf-8"))
    }

    assert {(name, target) for name, target in named if target not in TARGETS} == set()


def test_the_output_in_the_readme_is_what_the_demo_prints(platform: Platform) -> None:
    shown = re.search(r"<!-- output of make demo -->\n```text\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    assert platform.demo is not None
    printed = {without_figures(line) for line in platform.demo.text.splitlines()}

    lines = [line for line in shown[1].splitlines() if line.strip() not in ("", "...")]
    # What was set up or built before is not done again.
    done_before = re.compile(
        r"✓ (Check Terraform|Emulator|Python environment|MariaDB|"
        r"\d+ of \d+ packages built)"
    )
    missing = [
        line
        for line in lines
        if not done_before.match(line) and without_figures(line) not in printed
    ]

    assert missing == []


def without_figures(line: str) -> str:
    """Return a line without what differs from run to run: numbers, identifiers, widths."""
    line = re.sub(r"//\w+\.cloudfront\.", "//cloudfront.", line)
    return re.sub(r"[0-9a-f-]*[0-9][0-9a-f-]*|[─━ ]+", " ", line).strip()
