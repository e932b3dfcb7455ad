"""Commands in documents."""

from __future__ import annotations

import re

from ops.terraform.templates import FLOWS


def commands_of(flow: str) -> list[str]:
    """Return the commands in the document of a flow."""
    text = (FLOWS / flow / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE)]
