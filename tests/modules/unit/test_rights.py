"""Each README of a module says which roles it makes, and which statements they have and why."""

from __future__ import annotations

import re

import pytest

from tests.modules.examples import FOLDER, MODULES

NO_ROLE = "The module makes no role"
#: The table of a module that makes roles, or adds statements to one.
TABLE = "| role | statement | needed for |\n"
#: Names of statements: of a policy's document, and of a function's rights.
SIDS = (r'\bsid\s*=\s*"([A-Za-z]+)"', r'\b([A-Z]\w+)"?\s*=>?\s*\{\s*actions\b')
#: Who may assume a role is said in words.
TRUST = re.compile(r'^data "aws_iam_policy_document" "\w*trust" \{\n.*?^\}\n', re.M | re.S)


def configuration(module: str) -> str:
    """Return a module's own configuration, without documents that say who assumes a role."""
    files = sorted((FOLDER / module).glob("*.tf"))
    return TRUST.sub("", "\n".join(file.read_text(encoding="utf-8") for file in files))


def makes_role(module: str) -> bool:
    """Return whether a module makes roles itself or by the modules that it uses."""
    text = configuration(module)
    used = re.findall(r'source\s*=\s*"\.\./(\w+)"', text)
    return 'resource "aws_iam_role' in text or any(makes_role(name) for name in used)


def rights(module: str) -> str:
    """Return the part of a module's README about its rights."""
    parts = (FOLDER / module / "README.md").read_text(encoding="utf-8").split("\n## ")
    [found] = [part for part in parts if part.startswith("Rights\n")]
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_readme_says_what_roles_there_are_or_that_there_is_none(module: str) -> None:
    text = rights(module)
    itself = 'resource "aws_iam_role' in configuration(module)

    assert (TABLE in text) != (NO_ROLE in text), "Write one of both."
    assert not (itself and NO_ROLE in text)
    assert not (TABLE in text and not makes_role(module))


@pytest.mark.parametrize("module", MODULES)
def test_a_readme_names_every_statement_of_its_module(module: str) -> None:
    text = rights(module)
    named = {sid for pattern in SIDS for sid in re.findall(pattern, configuration(module))}

    assert sorted(sid for sid in named if f"`{sid}`" not in text) == []
