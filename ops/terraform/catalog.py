"""Write the catalog of flows: the trigger, the states and the integrations of each."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ops.terraform.definition import State, all_states
from ops.terraform.tables import markdown_table, read_blocks
from ops.terraform.templates import FLOWS, definition_templates

#: Modules that start a flow or give it events, and the kind of trigger that each is.
TRIGGERS = {
    "event_rule": "event",
    "schedule": "schedule",
    "queue_consumer": "queue",
    "stream_consumer": "stream",
    "workflow_api": "API call",
    "public_api": "API call",
}
INTEGRATION = re.compile(r":states:::(.+)$")
#: A link to a file of the repository.
LINK = re.compile(r"\]\(((?!\w+:|#)[^)]+)\)")
FUNCTION = "lambda:invoke"


class Entry(NamedTuple):
    """A flow as the catalog shows it."""

    name: str
    title: str
    summary: str
    triggers: list[tuple[str, str]]
    workflows: dict[str, list[str]]
    integrations: list[str]


def catalog(folder: Path, define: Callable[[str, str], str]) -> str:
    """Return the catalog for a document in a folder.

    Parameters
    ----------
    folder
        The folder of the document, from which its links start.
    define
        Renders a state machine, given the flow's name and the template's.
    """
    flows = sorted(file.parent for file in FLOWS.glob("*/main.tf"))
    entries = [entry(flow, define) for flow in flows]
    rows = [
        [
            f"[`{one.name}`](#{_anchor(one.title)})",
            ", ".join(sorted({kind for kind, _ in one.triggers})) or "none",
            str(sum(len(states) for states in one.workflows.values())),
            ", ".join(f"`{integration}`" for integration in one.integrations) or "none",
        ]
        for one in entries
    ]
    table = markdown_table(["flow", "trigger", "states", "integrations"], rows)
    return "\n".join([table, *(_section(one, folder) for one in entries)])


def entry(flow: Path, define: Callable[[str, str], str]) -> Entry:
    """Return a flow as its README, its Terraform files and its definitions describe it."""
    title, summary = opening((flow / "README.md").read_text(encoding="utf-8"))
    workflows = {}
    integrations = set()
    for template in definition_templates(flow.name):
        states = list(all_states(json.loads(define(flow.name, template.name))))
        workflows[template.name.partition(".")[0]] = [
            f"`{name}` ({_kind(state)})" for name, state in states
        ]
        integrations |= {found for _, state in states if (found := _integration(state))}
    return Entry(flow.name, title, summary, triggers(flow), workflows, sorted(integrations))


def opening(text: str) -> tuple[str, str]:
    """Return the title of a document and its first paragraph, in one line."""
    title, _, rest = text.partition("\n")
    return title.removeprefix("# ").strip(), " ".join(rest.strip().split("\n\n")[0].split())


def triggers(flow: Path) -> list[tuple[str, str]]:
    """Return the kinds of a flow's triggers, each with its description."""
    found = []
    blocks = read_blocks(flow, "module")
    for body in blocks.values():
        kind = TRIGGERS.get(Path(body["source"]).name)
        if kind:
            function = body.get("function", {})
            if isinstance(function, str):
                # The name of another module of the flow: "${module.start}".
                function = blocks[re.sub(r"\W|module", "", function)]
            found.append((kind, body.get("description") or function.get("description", "")))
    return found


def _integration(state: State) -> str:
    match = INTEGRATION.search(state.get("Resource", ""))
    return match[1] if match else ""


def _kind(state: State) -> str:
    """Return what a state does: its type, or the integration of a task."""
    if state["Type"] != "Task":
        kind: str = state["Type"]
        return kind
    integration = _integration(state)
    return "function" if integration.startswith(FUNCTION) else f"`{integration}`"


def moved_links(text: str, old: Path, new: Path) -> str:
    """Return a text with its relative links, once it moves from one folder to another."""
    return LINK.sub(lambda link: f"]({Path(os.path.relpath(old / link[1], new)).as_posix()})", text)


def _section(one: Entry, folder: Path) -> str:
    readme = Path(os.path.relpath(FLOWS / one.name / "README.md", folder)).as_posix()
    summary = moved_links(one.summary, FLOWS / one.name, folder)
    lines = [f"## {one.title}", "", summary, "", f"- Flow: [`{one.name}`]({readme})"]
    lines += [f"- Trigger ({kind}): {description}" for kind, description in one.triggers]
    for workflow, states in one.workflows.items():
        lines.append(f"- States of `{workflow}`: {', '.join(states)}")
    return "\n".join(lines) + "\n"


def _anchor(title: str) -> str:
    """Return the anchor that GitHub makes of a title."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
