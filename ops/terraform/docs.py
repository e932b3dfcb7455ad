"""Generate the parts of documents that follow from the code: pictures and tables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from ops.settings import REPOSITORY
from ops.style.words import words_table
from ops.terraform.diagram import mermaid
from ops.terraform.tables import inputs_table, outputs_table
from ops.terraform.templates import FLOWS, STATE_MACHINE, render

#: Errors that every flow's functions retry.
SERVICE_ERRORS = FLOWS.parent / "modules" / "event_flow" / "service_errors.json"
PART = re.compile(
    r"(?P<begin><!-- (?P<kind>[a-z ]+?)(?: of (?P<name>\w+))? -->\n)"
    r".*?(?P<end><!-- end of (?P=kind) -->)",
    re.DOTALL,
)


def definition(flow: str) -> str:
    """Return a flow's state machine, with names in place of ARNs and of other values."""
    template = FLOWS / flow / STATE_MACHINE
    functions = set(re.findall(r"\$\{functions\.(\w+)\}", template.read_text()))
    others = set(re.findall(r"\$\{(\w+)\}", template.read_text()))
    return render(
        template,
        {
            **{name: name for name in others},
            "functions": {name: f"arn:aws:lambda:::function:{name}" for name in functions},
            "retry": {
                "IntervalSeconds": 1,
                "MaxAttempts": 3,
                "BackoffRate": 1.5,
                "MaxDelaySeconds": 5,
                "JitterStrategy": "FULL",
            },
            "service_errors": json.loads(SERVICE_ERRORS.read_text()),
        },
    )


def picture(flow: str) -> str:
    """Return the picture of a flow's state machine."""
    return f"```mermaid\n{mermaid(json.loads(definition(flow)))}```\n"


def filled(text: str, parts: Mapping[str, Callable[[str], str]]) -> str:
    """Return a document with its generated parts filled in.

    Parameters
    ----------
    text
        The document. A part stands between ``<!-- kind -->`` or ``<!-- kind of name -->`` and
        ``<!-- end of kind -->``.
    parts
        The functions that write the parts, by kind. Each gets the name, or an empty text.
    """

    def fill(match: re.Match[str]) -> str:
        kind, name = match["kind"], match["name"] or ""
        return f"{match['begin']}{parts[kind](name)}{match['end']}" if kind in parts else match[0]

    return PART.sub(fill, text)


def documents() -> dict[Path, str]:
    """Return every document with generated parts, as it should be."""
    terraform = sorted(file.parent for file in FLOWS.parent.rglob("README.md"))
    draw = cache(picture)
    return {
        document: filled(document.read_text(encoding="utf-8"), _parts(folder, draw))
        for folder in [REPOSITORY, REPOSITORY / "docs", *terraform]
        for document in sorted(folder.glob("*.md"))
    }


def _parts(folder: Path, draw: Callable[[str], str]) -> dict[str, Callable[[str], str]]:
    """Return the functions that write the parts of a folder's documents."""
    # Every flow gets the platform; a module's README describes it.
    leave_out = ["platform"] if folder.parent == FLOWS else []
    return {
        "picture": draw,
        "rejected words": lambda _: words_table(),
        "inputs": lambda _: inputs_table(folder, leave_out),
        "outputs": lambda _: outputs_table(folder),
    }


def stale() -> dict[Path, str]:
    """Return the documents that differ from what is built, as they should be."""
    return {
        document: text
        for document, text in documents().items()
        if document.read_text(encoding="utf-8") != text
    }


def write() -> list[Path]:
    """Write the generated parts of every document; return the documents that changed."""
    changed = stale()
    for document, text in changed.items():
        document.write_text(text, encoding="utf-8")
    return list(changed)
