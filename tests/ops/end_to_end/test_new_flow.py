"""A new flow is deployed and takes events as it was written, and its removal leaves nothing."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from build.package import CACHE
from ops.local.prepare import terraform_cli_config
from ops.settings import REPOSITORY, LocalSettings, Ports
from tests.support.platform import free_port, selecting, wait_for

NAME = "order_intake"
#: The folders of a flow.
FOLDERS = tuple(
    f"{parent}/{NAME}" for parent in ("terraform/flows", "lambda_src", "tests/flows", "examples")
)
#: The files that name every flow. The last one is generated.
SHARED = ("terraform/flows.tf", "terraform/envs/local.tfvars", "docs/flows.md")
COPIED = ("terraform", "lambda_src", "build", "emulator", "ops", "examples", "web", "docs", "tests")
LINKED = (".venv", ".venv-emulator", "README.md", "pyproject.toml", "benchmarks")


#: The example of the guide: each file, or what is added to it.
GUIDE = (REPOSITORY / "docs" / "adding-a-flow.md").read_text(encoding="utf-8")
SECOND_STATE = dict(
    re.findall(r"<!-- second state: (\S+) -->\n```\w+\n(.*?)```\n", GUIDE, re.DOTALL)
)


def contents(root: Path) -> dict[str, str]:
    """Return the files of a repository that are kept in it, by path."""
    files = (file for folder in COPIED for file in (root / folder).rglob("*"))
    ignored = {"__pycache__", ".terraform", "dist", "cache"}
    return {
        file.relative_to(root).as_posix(): file.read_bytes().decode(errors="replace")
        for file in files
        if file.is_file() and not ignored.intersection(file.parts)
    }


@dataclass
class Clone:
    """A copy of the repository with an environment that has the new flow alone."""

    root: Path
    #: The files before the flow was written.
    before: dict[str, str]
    variables: dict[str, str]

    def run(self, *command: str, code: int = 0) -> str:
        """Run a command in the copy; fail unless it ends as expected."""
        result = subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, **self.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert result.returncode == code, result.stdout
        return result.stdout

    def ops(self, *arguments: str, code: int = 0) -> str:
        """Run a command of the command line."""
        return self.run(sys.executable, "-m", "ops", *arguments, code=code)

    def passes(self) -> None:
        """Fail unless the tests of the flow pass that need no environment."""
        command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-n", "0"]
        kinds = ("--kind=unit", "--kind=contract")
        shown = self.run(*command, "--flow", NAME, *kinds, "tests")
        assert f"tests/flows/{NAME}/unit/test_receive_event.py" in shown
        assert f"[{NAME}.receive_event] PASSED" in shown

    def change(self, path: str, before: str, after: str) -> None:
        """Replace a text that a file has once."""
        file = self.root / path
        text = file.read_text()
        assert text.count(before) == 1, path
        file.write_text(text.replace(before, after))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    root = tmp_path_factory.mktemp("clone") / "repository"
    ignored = shutil.ignore_patterns(".terraform", "__pycache__", "dist", "cache")
    for folder in COPIED:
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=ignored)
    for name in LINKED:
        (root / name).symlink_to(REPOSITORY / name)
    (root / "build" / "cache").symlink_to(CACHE)
    settings = LocalSettings(root / ".local", Ports(free_port(), free_port()), flows={NAME: {}})
    variables = {
        **selecting(settings),
        "TF_CLI_CONFIG_FILE": str(terraform_cli_config() or ""),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    clone = Clone(root, contents(root), {k: v for k, v in variables.items() if v})
    clone.ops("new-flow", NAME)
    yield clone
    clone.ops("down")


def test_only_its_own_folders_and_a_line_for_each_flow_are_written(clone: Clone) -> None:
    after = contents(clone.root)
    changed = {path for path in after if after[path] != clone.before.get(path)}
    written = {path for path in changed if not path.startswith(tuple(f"{f}/" for f in FOLDERS))}

    assert written == set(SHARED)
    assert clone.before.keys() <= after.keys()
    assert all(any(path.startswith(f"{folder}/") for path in changed) for folder in FOLDERS)


def test_its_tests_pass(clone: Clone) -> None:
    clone.passes()


def test_a_second_state_is_added_as_the_guide_says(clone: Clone) -> None:
    function, main, definition, test = SECOND_STATE
    for path in (function, test):
        assert not (clone.root / path).exists()
        (clone.root / path).write_text(SECOND_STATE[path])
    clone.change(definition, '      "End": true\n', '      "Next": "AddTotal"\n')
    clone.change(
        definition, '    "CatchErrors": {\n', SECOND_STATE[definition] + '    "CatchErrors": {\n'
    )
    clone.change(main, "\n    }\n  }\n}\n", f"\n    }}\n{SECOND_STATE[main]}  }}\n}}\n")

    clone.passes()
    clone.run("terraform", "fmt", "-check", "-recursive", "terraform")


def test_an_event_runs_through_it_and_a_bad_one_is_queued(clone: Clone) -> None:
    example = clone.root / "examples" / NAME / "event.json"
    bad = clone.root / "bad.json"
    bad.write_text(json.dumps({**json.loads(example.read_text()), "detail": {}}))
    clone.run(sys.executable, "build/package.py")

    demo = clone.ops("demo")
    assert "✓ ReceiveEvent" in demo
    assert "SUCCEEDED" in demo
    assert "1 sent, 0 not sent" in clone.ops("send", str(bad), "--flow", NAME)

    def statuses() -> list[str]:
        rows = clone.ops("watch").splitlines()[1:]
        return sorted(row.split()[1] for row in rows)

    wait_for(lambda: statuses() == ["FAILED", "SUCCEEDED"], "the end of both executions")
    arrived = next(row for row in clone.ops("watch").splitlines() if "SUCCEEDED" in row).split()[0]
    assert '"total": 0' in clone.ops("watch", "--execution", arrived, "--state", "AddTotal")
    assert "InvalidEvent" in clone.ops("dead-letters", "--flow", NAME)
    assert "2 accepted: 1 arrived, 1 waiting" in clone.ops("reconcile", "--flow", NAME)


def test_without_its_folders_and_lines_nothing_is_left(clone: Clone) -> None:
    for folder in FOLDERS:
        shutil.rmtree(clone.root / folder)
    for path in SHARED:
        file = clone.root / path
        lines = difflib.ndiff(
            clone.before[path].splitlines(keepends=True), file.read_text().splitlines(keepends=True)
        )
        changes = [line for line in lines if line[0] in "+-"]
        assert all(line.startswith("+ ") for line in changes), changes
        file.write_text(clone.before[path])

    assert contents(clone.root) == clone.before
