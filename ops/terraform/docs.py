"""Keep what is drawn in the documents equal to what is built."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ops.settings import REPOSITORY
from ops.terraform.diagram import mermaid
from ops.terraform.templates import FLOWS, STATE_MACHINE, flow_names, render

#: What may work later in every flow's functions.
SERVICE_ERRORS = FLOWS.parent / "modules" / "event_flow" / "service_errors.json"
#: The part of a document that is drawn, between two comments that name its flow.
PICTURE = re.compile(r"(<!-- picture of (\w+) -->\n).*?(<!-- end of picture -->)", re.DOTALL)


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


def documents() -> list[Path]:
    """Return the documents that may hold pictures."""
    return [REPOSITORY / "README.md", *(FLOWS / flow / "README.md" for flow in flow_names())]


def drawn(text: str, pictures: dict[str, str]) -> str:
    """Return a document with its pictures drawn anew."""
    return PICTURE.sub(
        lambda match: f"{match[1]}```mermaid\n{pictures[match[2]]}```\n{match[3]}", text
    )


def draw() -> list[Path]:
    """Draw every picture anew; return the documents that changed."""
    pictures = {flow: mermaid(json.loads(definition(flow))) for flow in flow_names()}
    changed = []
    for document in documents():
        before = document.read_text(encoding="utf-8")
        after = drawn(before, pictures)
        if after != before:
            document.write_text(after, encoding="utf-8")
            changed.append(document)
    return changed
