"""The documents are current, link to what exists, and keep their form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.settings import REPOSITORY
from ops.terraform.docs import stale

SKIPPED = {"node_modules", "dist", "cache"}
DOCUMENTS = sorted(
    file
    for file in REPOSITORY.rglob("*.md")
    if not any(
        part in SKIPPED or (part.startswith(".") and part != ".github")
        for part in file.relative_to(REPOSITORY).parts
    )
)
DECISIONS = sorted((REPOSITORY / "docs" / "decisions").glob("[0-9]*.md"))


def named(file: Path) -> str:
    return str(file.relative_to(REPOSITORY))


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_document_is_stale() -> None:
    documents = [named(document) for document in stale()]

    assert documents == [], "Type 'make docs'."


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path) if path else document
        if not file.exists() or (anchor and anchor not in anchors(file.read_text("utf-8"))):
            broken.append(target)

    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_block_of_code_names_its_language(document: Path) -> None:
    fences = re.findall(r"^ *```(.*)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert len(fences) % 2 == 0
    assert "" not in fences[::2]
    assert set(fences[1::2]) <= {""}


def test_decisions_are_numbered_in_order() -> None:
    assert len(DECISIONS) >= 10
    numbers = [int(file.name[:4]) for file in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("decision", DECISIONS, ids=named)
def test_a_decision_has_its_parts_on_one_page(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")

    assert re.match(rf"# {int(decision.name[:4])}\. .+\n", text)
    parts = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert parts == ["Context", "Decision", "Consequences", "Alternatives"]
    assert len(text.splitlines()) <= 60
