"""A copy of the root module follows the repository and has the blocks of some flows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.new_flow import flows_file
from ops.terraform.links import link_with_flows


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root module with two flows, next to a folder of sources."""
    root = tmp_path / "repository" / "terraform"
    (root.parent / "lambda_src").mkdir(parents=True)
    for flow in ("one", "two"):
        (root / "flows" / flow).mkdir(parents=True)
        (root / "flows" / flow / "main.tf").touch()
    (root / "flows.tf").write_text(flows_file(["one", "two"]))
    (root / "main.tf").write_text("first")
    (root / "errored.tfstate").touch()
    return root


def blocks(copy: Path) -> list[str]:
    return re.findall(r'^module "(\w+)"', (copy / "flows.tf").read_text(), re.MULTILINE)


def test_a_copy_has_the_blocks_of_its_flows_and_leaves_the_repository_alone(
    root: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy" / "terraform"

    for flows in (["two", "not_there"], ["one", "two"], [], ["one"]):
        link_with_flows(root, copy, flows)
        assert blocks(copy) == [flow for flow in flows if flow != "not_there"]

    assert blocks(root) == ["one", "two"]
    assert {file.name for file in copy.iterdir()} == {"flows", "flows.tf", "main.tf"}
    assert (copy.parent / "lambda_src").is_dir()


def test_a_copy_follows_what_is_written_added_and_deleted(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "terraform"
    link_with_flows(root, copy, ["one"])

    (root / "main.tf").write_text("second")
    (root / "new.tf").touch()
    link_with_flows(root, copy, ["one"])
    assert (copy / "main.tf").read_text() == "second"
    assert (copy / "new.tf").exists()

    (root / "new.tf").unlink()
    link_with_flows(root, copy, ["one"])
    assert not (copy / "new.tf").is_symlink()


def test_a_copy_that_is_complete_is_not_written(root: Path, tmp_path: Path) -> None:
    """Another command may read it now."""
    copy = tmp_path / "copy" / "terraform"
    link_with_flows(root, copy, ["one"])
    before = {file.name: file.lstat().st_ino for file in copy.iterdir()}

    link_with_flows(root, copy, ["one"])

    assert {file.name: file.lstat().st_ino for file in copy.iterdir()} == before
