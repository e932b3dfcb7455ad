"""The generated parts of the documents are current."""

from __future__ import annotations

from ops.settings import REPOSITORY
from ops.terraform.docs import stale


def test_no_document_is_stale() -> None:
    documents = [str(document.relative_to(REPOSITORY)) for document in stale()]

    assert documents == [], "Type 'make docs'."
