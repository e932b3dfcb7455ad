"""Prompts and exit codes of the commands."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from ops.cli import executions, options
from ops.cli.main import app
from ops.cli.terminal import console
from ops.context import Context
from ops.errors import OperationError
from ops.releases import deploy
from ops.settings import REPOSITORY


@pytest.fixture
def destroyed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the environments that are destroyed; none is there to be reached."""
    found: list[str] = []

    def ask_and_destroy(name: str, confirm: Callable[[str], None]) -> None:
        confirm(name)
        found.append(name)

    monkeypatch.setattr(Context, "reachable", lambda name: SimpleNamespace(deployment=name))
    monkeypatch.setattr(deploy, "destroy", ask_and_destroy)
    return found


@pytest.mark.parametrize("name", ["dev", "qa", "prd"])
def test_nothing_is_destroyed_when_nobody_can_be_asked(destroyed: list[str], name: str) -> None:
    result = CliRunner().invoke(app, ["destroy", "--env", name])

    assert isinstance(result.exception, OperationError)
    assert f"whether to destroy '{name}'" in result.exception.problem
    assert destroyed == []


@pytest.mark.parametrize(
    ("name", "answer", "is_destroyed"),
    [("dev", "yes", True), ("dev", "", False), ("prd", "yes", False), ("prd", "prd", True)],
)
def test_prd_is_destroyed_when_its_name_is_typed(
    destroyed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    answer: str,
    is_destroyed: bool,
) -> None:
    monkeypatch.setattr(options, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr(console, "input", lambda _: answer)

    CliRunner().invoke(app, ["destroy", "--env", name])

    assert destroyed == ([name] if is_destroyed else [])


def test_a_pipeline_agrees_beforehand(destroyed: list[str]) -> None:
    CliRunner().invoke(app, ["destroy", "--env", "prd", "--yes"])

    assert destroyed == ["prd"]


def test_the_local_environment_is_destroyed_unasked(destroyed: list[str]) -> None:
    CliRunner().invoke(app, ["destroy"])

    assert destroyed == ["local"]


@pytest.mark.parametrize(("differences", "code"), [([], 0), (["a queue would be changed"], 2)])
def test_drift_tells_a_difference_from_a_failure(
    monkeypatch: pytest.MonkeyPatch, differences: list[str], code: int
) -> None:
    monkeypatch.setattr(Context, "reachable", lambda _: SimpleNamespace(deployment=None))
    monkeypatch.setattr(deploy, "drift", lambda _: differences)

    assert CliRunner().invoke(app, ["drift", "--env", "dev"]).exit_code == code


def test_no_target_promises_an_exit_code_that_make_does_not_pass_on() -> None:
    targets = re.findall(r"^[a-z-]+:.*## (.*)", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)

    assert len(targets) > 30
    assert [target for target in targets if "exit code" in target] == []


def test_a_report_that_cannot_be_written_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = SimpleNamespace(aws=None, terraform=SimpleNamespace(outputs=dict))
    monkeypatch.setattr(Context, "reachable", lambda _: context)
    monkeypatch.setattr(executions, "gather", lambda *_: [])
    (tmp_path / "file").write_text("")

    result = CliRunner().invoke(app, ["report", "--out", str(tmp_path / "file" / "report.html")])

    assert isinstance(result.exception, OperationError)
    assert "OUT=" in result.exception.action
