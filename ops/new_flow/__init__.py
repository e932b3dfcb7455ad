"""``make new-flow``: a flow's three folders and its block in the root module, ready to grow."""

from __future__ import annotations

import re
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from ops.errors import OperationError

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 30
#: Where the root module collects its flows.
MERGE = re.compile(r"(\n  flows = merge\()([^)]*)(\))")


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
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise OperationError(
            f"'{name}' is no name of a flow.",
            f"Use up to {LONGEST} lower-case letters and digits, words parted by one underscore: "
            "make new-flow NAME=order_intake",
        )
    folders = {
        "terraform": root / "terraform" / "flows" / name,
        "lambda_src": root / "lambda_src" / name,
        "tests": root / "tests" / "flows" / name / "unit",
        "examples": root / "examples" / name,
    }
    for folder in folders.values():
        if folder.exists():
            raise OperationError(f"{folder} is there already.", "Choose another name.")
    words = name.replace("_", " ")
    jinja = Environment(
        # The templates of Terraform and JSONata have the usual brackets for themselves.
        variable_start_string="[[ ",
        variable_end_string=" ]]",
        block_start_string="[%",
        block_end_string="%]",
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        # What is written are programs, not pages.
        autoescape=False,  # noqa: S701
    )
    values = {
        "name": name,
        "words": words,
        "title": words.capitalize(),
        "camel": "".join(word.capitalize() for word in name.split("_")),
    }

    def rendered(template: Traversable) -> str:
        return jinja.from_string(template.read_text("utf-8")).render(values)

    skeleton = resources.files("ops.new_flow") / "skeleton"
    block = rendered(skeleton / "block.tf.j2")
    main = root / "terraform" / "main.tf"
    changed = {main: _with_block(main.read_text(encoding="utf-8"), name, block)}
    for part, folder in folders.items():
        for template in (skeleton / part).iterdir():
            changed[folder / template.name.removesuffix(".j2")] = rendered(template)
    versions = root / "terraform" / "modules" / "event_flow" / "versions.tf"
    changed[folders["terraform"] / "versions.tf"] = versions.read_text(encoding="utf-8")
    wanted = changed[folders["lambda_src"] / "requirements.in"]
    changed[folders["lambda_src"] / "requirements.txt"] = _pinned(root, wanted)
    for file, text in changed.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return sorted(changed)


def _with_block(main: str, name: str, block: str) -> str:
    merged, count = MERGE.subn(rf"\g<1>\g<2>, module.{name}\g<3>", main)
    if count != 1:
        raise OperationError(
            "terraform/main.tf has no line 'flows = merge(…)'.",
            "Put it back, or add the flow by hand.",
        )
    return merged.rstrip("\n") + "\n" + block


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
