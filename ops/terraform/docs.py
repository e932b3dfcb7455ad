"""Generate the parts of documents that follow from the code: pictures and tables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from ops.costs import page as costs
from ops.local.gaps import gaps_table
from ops.settings import REPOSITORY
from ops.style.words import words_table
from ops.terraform.catalog import catalog
from ops.terraform.diagram import mermaid
from ops.terraform.tables import inputs_table, markdown_table, outputs_table
from ops.terraform.templates import FLOWS, STATE_MACHINE, render
from ops.terraform.unasked import unasked_table

#: Errors that every flow's functions retry.
SERVICE_ERRORS = FLOWS.parent / "modules" / "workflow" / "service_errors.json"
#: A value of a template that is a duration, and the values of long ones.
SECONDS = 60
DURATIONS = {"longest_seconds": 43200}
#: The retries of `definition`, with short waits.
RETRY: Mapping[str, str | float] = {
    "IntervalSeconds": 1,
    "MaxAttempts": 3,
    "BackoffRate": 1.5,
    "MaxDelaySeconds": 5,
    "JitterStrategy": "FULL",
}
PART = re.compile(
    r"(?P<begin><!-- (?P<kind>[a-z ]+?)(?: of (?P<name>\w+))? -->\n)"
    r".*?(?P<end><!-- end of (?P=kind) -->)",
    re.DOTALL,
)


def definition(
    flow: str, name: str = STATE_MACHINE, retry: Mapping[str, str | float] = RETRY
) -> str:
    """Return a flow's state machine, with names in place of ARNs and of other values.

    A value whose name ends in ``_seconds`` is a number.

    Parameters
    ----------
    flow
        The flow's name.
    name
        The template's name, for a flow with several workflows.
    retry
        How its states retry.
    """
    template = FLOWS / flow / name
    functions = set(re.findall(r"\$\{functions\.(\w+)\}", template.read_text()))
    others = set(re.findall(r"\$\{(\w+)\}", template.read_text()))
    return render(
        template,
        {
            **{
                name: DURATIONS.get(name, SECONDS) if name.endswith("_seconds") else name
                for name in others
            },
            "functions": {name: f"arn:aws:lambda:::function:{name}" for name in functions},
            "retry": dict(retry),
            "service_errors": json.loads(SERVICE_ERRORS.read_text()),
        },
    )


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


def decisions_table(folder: Path) -> str:
    """Return the table of the decisions in a folder."""
    titles = {
        file.name: file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        for file in sorted(folder.glob("[0-9]*.md"))
    }
    rows = [
        [number, f"[{title}]({name})"]
        for name, heading in titles.items()
        for number, _, title in [heading.partition(". ")]
    ]
    return markdown_table(["number", "decision"], rows)


def documents() -> dict[Path, str]:
    """Return every document with generated parts, as it should be."""
    docs = REPOSITORY / "docs"
    terraform = sorted(file.parent for file in FLOWS.parent.rglob("README.md"))
    define = cache(definition)
    return {
        document: filled(document.read_text(encoding="utf-8"), _parts(folder, define))
        for folder in [REPOSITORY, docs, docs / "decisions", REPOSITORY / "emulator", *terraform]
        for document in sorted(folder.glob("*.md"))
    }


def _parts(folder: Path, define: Callable[..., str]) -> dict[str, Callable[[str], str]]:
    """Return the functions that write the parts of a folder's documents."""
    # Every flow gets the platform; a module's README describes it.
    leave_out = ["platform"] if folder.parent == FLOWS else []
    return {
        "picture": lambda flow: _picture(define(flow, STATE_MACHINE)),
        "flows": lambda _: catalog(folder, define),
        "decisions": lambda _: decisions_table(folder),
        "gaps": lambda _: gaps_table(),
        "unasked rights": lambda _: unasked_table(),
        "rejected words": lambda _: words_table(),
        "monthly costs": lambda _: costs.months_table(),
        "event costs": lambda _: costs.events_table(),
        "fixed costs": lambda _: costs.fixed_table(),
        "cost estimates": lambda _: costs.estimates_table(),
        "prices": lambda _: costs.prices_table(),
        "inputs": lambda _: inputs_table(folder, leave_out),
        "outputs": lambda _: outputs_table(folder),
    }


def _picture(text: str) -> str:
    return f"```mermaid\n{mermaid(json.loads(text))}```\n"


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
