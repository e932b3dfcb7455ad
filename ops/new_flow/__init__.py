"""``make new-flow``: write a flow's folders, its block in ``flows.tf`` and its entry in local."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ops.errors import OperationError

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 30
#: The flows of an environment, up to the brace that closes them.
FLOWS = re.compile(r"(?<=\n)flows = \{\n.*?(?=^\})", re.DOTALL | re.MULTILINE)
SKELETON = resources.files("ops.new_flow") / "skeleton"


def make(name: str, root: Path) -> list[Path]:
    """Write a flow's skeleton into a repository; return the files that were written or changed.

    Parameters
    ----------
    name
        The flow's name, such as ``order_intake``.
    root
        The repository.

    Raises
    ------
    OperationError
        When the name cannot be one, or is taken. Nothing is written then.
    """
    is_python = keyword.iskeyword(name) or name in sys.stdlib_module_names
    if not NAME.fullmatch(name) or len(name) > LONGEST or is_python:
        raise OperationError(
            f"'{name}' is not a valid name of a flow.",
            f"Use up to {LONGEST} lower-case letters and digits, words parted by one underscore: "
            "make new-flow NAME=order_intake",
        )
    folders = {
        "terraform": root / "terraform" / "flows" / name,
        "lambda_src": root / "lambda_src" / name,
        "tests": root / "tests" / "flows" / name,
        "examples": root / "examples" / name,
    }
    for folder in folders.values():
        if folder.exists():
            raise OperationError(f"{folder} is there already.", "Choose another name.")
    words = name.replace("_", " ")
    values = {
        "name": name,
        "words": words,
        "title": words.capitalize(),
        "camel": "".join(word.capitalize() for word in name.split("_")),
    }

    terraform = root / "terraform"
    local = terraform / "envs" / "local.tfvars"
    changed = {
        terraform / "flows.tf": flows_file([*flow_folders(root), name]),
        local: _with_entry(local.read_text(encoding="utf-8"), name),
    }
    for part, folder in folders.items():
        for path, template in _templates(SKELETON / part):
            changed[folder / path.removesuffix(".j2")] = _rendered(template, values)
    versions = terraform / "modules" / "workflow" / "versions.tf"
    changed[folders["terraform"] / "versions.tf"] = versions.read_text(encoding="utf-8")
    wanted = changed[folders["lambda_src"] / "requirements.in"]
    changed[folders["lambda_src"] / "requirements.txt"] = _pinned(root, wanted)
    for file, text in changed.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return sorted(changed)


def flow_folders(root: Path) -> list[str]:
    """Return the names of the flows that a repository has folders of."""
    return [file.parent.name for file in root.glob("terraform/flows/*/main.tf")]


def flows_file(names: Iterable[str]) -> str:
    """Return ``terraform/flows.tf``, which has the same block for every flow."""
    return _rendered(SKELETON / "flows.tf.j2", {"names": sorted(names)})


def _templates(folder: Traversable) -> Iterator[tuple[str, Traversable]]:
    """Yield the templates of a folder with their paths in it."""
    for found in folder.iterdir():
        if found.is_dir():
            yield from ((f"{found.name}/{path}", template) for path, template in _templates(found))
        else:
            yield found.name, found


def _rendered(template: Traversable, values: Mapping[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined  # 0.1 s, which most commands need not wait for

    jinja = Environment(
        # The templates of Terraform and JSONata have the usual brackets for themselves.
        variable_start_string="[[ ",
        variable_end_string=" ]]",
        block_start_string="[%",
        block_end_string="%]",
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        # The results are programs, not pages.
        autoescape=False,  # noqa: S701
    )
    return jinja.from_string(template.read_text("utf-8")).render(values)


def _with_entry(variables: str, name: str) -> str:
    """Return an environment's variables with a flow that has no settings.

    Raises
    ------
    OperationError
        When the variables have no flows.
    """
    found = FLOWS.search(variables)
    if found is None:
        raise OperationError(
            "terraform/envs/local.tfvars has no 'flows = {' at the beginning of a line.",
            "Add it, with a closing brace on a line of its own.",
        )
    # Apart from the entry above, with which 'terraform fmt' would align it.
    return f"{variables[: found.end()]}\n  {name} = {{}}\n{variables[found.end() :]}"


def _pinned(root: Path, wanted: str) -> str:
    """Return the lock file of a package that wants the same libraries.

    Raises
    ------
    OperationError
        When no package does.
    """
    for file in sorted((root / "lambda_src").glob("*/requirements.in")):
        if file.read_text(encoding="utf-8").split() == wanted.split():
            return file.with_suffix(".txt").read_text(encoding="utf-8")
    raise OperationError(
        f"No package wants just {', '.join(wanted.split())}.", "Type 'make lock' afterwards."
    )
