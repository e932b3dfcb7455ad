"""The table of the statements that no local test can show to be needed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ops.settings import REPOSITORY
from ops.terraform.tables import markdown_table
from ops.terraform.templates import FLOWS

#: Where the reasons are: those of every flow, and those of one.
EVERY_FLOW = REPOSITORY / "tests" / "every_flow" / "end_to_end" / "test_least_privilege.py"
OF_A_FLOW = REPOSITORY / "tests" / "flows"
COLUMNS = ["statement", "of", "instead of a local proof"]


def unasked_table() -> str:
    """Return a row for each statement that only AWS asks for, with the reason."""
    rows = [(name, "every flow", why) for name, why in literal(EVERY_FLOW, "UNASKED").items()]
    for file in sorted(OF_A_FLOW.glob("*/expectations.py")):
        flow = file.parent.name
        page = Path("..") / (FLOWS / flow / "README.md").relative_to(REPOSITORY)
        rows += [(name, f"[{flow}]({page})", why) for name, why in literal(file, "unasked").items()]
    return markdown_table(COLUMNS, [[f"`{name}`", of, sentence(why)] for name, of, why in rows])


def literal(file: Path, name: str) -> dict[str, str]:
    """Return a dictionary of texts in a file of Python, by the constant's or argument's name.

    It is read and not imported: the commands do without the tests and their libraries.
    """
    found = next(_values(ast.parse(file.read_text(encoding="utf-8")), name), None)
    return {} if found is None else dict(ast.literal_eval(found))


def _values(tree: ast.AST, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg=argument, value=value) if argument == name:
                yield value
            case ast.Assign(targets=[ast.Name(id=constant)], value=value) if constant == name:
                yield value


def sentence(text: str) -> str:
    """Return a reason with a capital letter."""
    return text[:1].upper() + text[1:]
