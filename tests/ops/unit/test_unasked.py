"""The table of the statements that only AWS asks for."""

from __future__ import annotations

from pathlib import Path

from ops.new_flow import flow_folders
from ops.settings import REPOSITORY
from ops.terraform.unasked import literal, unasked_table
from tests.every_flow.end_to_end.test_least_privilege import UNASKED
from tests.support.expectations import expectations_of


def test_the_table_has_every_statement_that_a_test_leaves_out() -> None:
    rows = unasked_table().splitlines()[2:]
    wanted = [(name, "every flow") for name in UNASKED] + [
        (name, f"[{flow}]")
        for flow in sorted(flow_folders(REPOSITORY))
        for name in expectations_of(flow).unasked
    ]

    assert len(rows) == len(wanted)
    for row, (name, of) in zip(rows, wanted, strict=True):
        assert f"`{name}`" in row
        assert of in row


def test_a_file_without_such_statements_has_none(tmp_path: Path) -> None:
    file = tmp_path / "expectations.py"
    file.write_text("EXPECTATIONS = Expectations(places='')\n")

    assert literal(file, "unasked") == {}
