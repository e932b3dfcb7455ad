"""The table of the gaps between MiniStack and AWS that the emulator closes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType

from emulator import patches
from ops.terraform.tables import markdown_table

COLUMNS = ["service", "AWS", "MiniStack", "gap"]


def gaps_table() -> str:
    """Return a row for each gap: what AWS does, what MiniStack does, and where it is closed."""
    return markdown_table(COLUMNS, [row for module in patches.modules() for row in rows(module)])


def rows(module: ModuleType) -> Iterator[list[str]]:
    """Yield the rows of the patches of one service.

    Parameters
    ----------
    module
        Its docstring begins with the service, and has a list of the gaps in MiniStack. Its
        ``GAPS`` are their names, and what AWS does.
    """
    title = (module.__doc__ or "").partition(".")[0]
    file = module.__name__.partition(".")[2].replace(".", "/")
    path = f"{file}/" if hasattr(module, "__path__") else f"{file}.py"
    described = gaps_of(module.__doc__ or "")
    for gap, wanted in module.GAPS.items():
        texts = [wanted, described[gap][:1].upper() + described[gap][1:]]
        yield [f"[{title}]({path})", *(text.replace("``", "`") for text in texts), f"`{gap}`"]


def gaps_of(text: str) -> dict[str, str]:
    """Return what a docstring says about each gap.

    Parameters
    ----------
    text
        A docstring with a list, whose items begin with the name of a gap between backticks.
    """
    found = re.findall(r"^- ``([a-z-]+)``: (.*(?:\n  .+)*)", text, flags=re.MULTILINE)
    return {gap: " ".join(described.split()) for gap, described in found}
