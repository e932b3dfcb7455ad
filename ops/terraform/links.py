"""Copies of the root module that link the repository's files, so nothing is written there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ops.new_flow import flow_folders, flows_file

#: The file with a block for each flow.
FLOWS_FILE = "flows.tf"


def link(root: Path, copy: Path) -> None:
    """Link the files of a root module into a folder, and those next to it into its parent.

    Paths in the module lead to what is next to it. Links that exist stay; dead ones go.
    """
    copy.mkdir(parents=True, exist_ok=True)
    neighbours = {x for x in root.parent.iterdir() if x != root and not x.name.startswith(".")}
    files = {x for x in root.iterdir() if x.name != ".terraform" and "tfstate" not in x.name}
    for folder, wanted in ((copy.parent, neighbours), (copy, files)):
        for left in folder.iterdir():
            if left.is_symlink() and not left.exists():
                left.unlink()
        for file in wanted:
            link = folder / file.name
            if not link.exists():
                _put(link, partial(Path.symlink_to, target=file))


@contextmanager
def linked(root: Path) -> Iterator[Path]:
    """Yield a copy of a root module for a while."""
    with tempfile.TemporaryDirectory(prefix="flowbridge-adopt-") as folder:
        copy = Path(folder) / root.name
        link(root, copy)
        yield copy


def link_with_flows(root: Path, copy: Path, flows: Iterable[str]) -> None:
    """Link a root module, with the blocks of some flows alone.

    Terraform examines the modules of every block, also of those that an environment does not use:
    two seconds for each flow and command.
    """
    link(root, copy)
    text = flows_file({*flows} & {*flow_folders(root.parent)})
    file = copy / FLOWS_FILE
    if file.is_symlink() or not file.exists() or file.read_text(encoding="utf-8") != text:
        _put(file, partial(Path.write_text, data=text, encoding="utf-8"))


def _put(file: Path, write: Callable[[Path], object]) -> None:
    """Write a file in another folder and move it: other commands may read the copy now."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".part-") as folder:
        part = Path(folder) / file.name
        write(part)
        part.replace(file)
