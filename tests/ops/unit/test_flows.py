"""The hooks of flows: found by the flow's name, and none of them is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from ops import flows
from ops.aws.clients import Aws
from ops.cli import environment as commands
from ops.cli.main import app
from ops.errors import OperationError
from ops.flows import DeployedFlow, FlowHooks, all_hooks, hooks_of, inspector
from ops.local import demo as demos
from ops.local.demo import demo_of, flow_with_demo
from ops.releases import smoke as smoking
from ops.releases.smoke import smoke_test
from ops.settings import REPOSITORY
from tests.support.outputs import flow, workflow

FLOWS = sorted(file.parent.name for file in REPOSITORY.glob("terraform/flows/*/main.tf"))


def outputs(*names: str) -> dict[str, Any]:
    """Return the outputs of an environment with these flows."""
    return {"event_bus_name": "bus", "flows": {name: flow(workflow()) for name in names}}


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> dict[str, FlowHooks]:
    """The hooks by flow, in place of those of the project."""
    found: dict[str, FlowHooks] = {}
    for module in (smoking, demos, flows):
        monkeypatch.setattr(module, "hooks_of", lambda name: found.get(name, FlowHooks()))
    return found


def test_every_module_belongs_to_a_flow() -> None:
    assert set(all_hooks()) <= set(FLOWS)
    assert all(isinstance(hooks, FlowHooks) for hooks in all_hooks().values())


def test_a_flow_needs_no_module() -> None:
    assert hooks_of("order_intake") == FlowHooks()


def test_a_flow_without_results_is_not_inspected() -> None:
    def never(_: str) -> Any:
        raise AssertionError

    assert inspector(DeployedFlow("order_intake", "local", never, {})) is None


@pytest.mark.parametrize("name", FLOWS)
def test_no_other_part_of_ops_names_a_flow(name: str) -> None:
    files = [
        file
        for file in (REPOSITORY / "ops").rglob("*")
        if file.is_file()
        and file.suffix != ".pyc"
        and "flows" not in file.parent.parts
        and not file.is_relative_to(REPOSITORY / "ops" / "flows")
    ]
    assert len(files) > 40
    word = re.compile(rf"\b{name}\b")

    assert [file for file in files if word.search(file.read_text(encoding="utf-8"))] == []


def test_a_release_is_tested_in_every_active_flow_that_has_a_test(
    hooks: dict[str, FlowHooks],
) -> None:
    tried: list[str] = []

    def smoke(deployed: DeployedFlow) -> str:
        tried.append(deployed.name)
        assert deployed.environment == "qa"
        return f"{len(tried)} seen"

    hooks |= {name: FlowHooks(smoke=smoke) for name in ("orders", "returns", "inactive")}
    account = cast(Aws, type("Account", (), {"environment": "qa", "client": None}))

    summary = smoke_test(account, outputs("returns", "silent", "orders"))

    assert summary == "orders: 1 seen; returns: 2 seen"
    assert tried == ["orders", "returns"]
    assert smoke_test(account, outputs("silent")) == "no active flow has a smoke test"


def test_the_first_flow_that_does_not_work_fails_the_release(hooks: dict[str, FlowHooks]) -> None:
    def fail(_: DeployedFlow) -> str:
        raise OperationError("No row arrived.", "Look into it.")

    def never(_: DeployedFlow) -> str:
        raise AssertionError

    hooks |= {"orders": FlowHooks(smoke=fail), "returns": FlowHooks(smoke=never)}
    account = cast(Aws, type("Account", (), {"environment": "qa", "client": None}))

    with pytest.raises(OperationError, match="No row arrived"):
        smoke_test(account, outputs("orders", "returns"))


def test_the_demo_is_of_the_first_flow_that_has_one_or_of_the_named_one(
    hooks: dict[str, FlowHooks],
) -> None:
    def demo(_: DeployedFlow) -> None: ...

    hooks |= {name: FlowHooks(demo=demo) for name in ("returns", "orders", "inactive")}
    active = ["silent", "returns", "orders"]

    assert flow_with_demo("", active) == "returns"
    assert flow_with_demo("orders", active) == "orders"
    with pytest.raises(OperationError, match="no flow 'inactive'"):
        flow_with_demo("inactive", active)
    with pytest.raises(OperationError, match="silent has no demo"):
        flow_with_demo("silent", active)
    with pytest.raises(OperationError, match="no demo"):
        flow_with_demo("", ["silent"])


def test_an_example_is_a_demo(
    hooks: dict[str, FlowHooks], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demos, "EXAMPLES", tmp_path)
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "event.json").write_text("{}")

    assert demo_of("orders") is demos.show_example
    assert flow_with_demo("", ["silent", "orders"]) == "orders"
    hooks["orders"] = FlowHooks(demo=lambda _: None)
    assert demo_of("orders") is hooks["orders"].demo


def test_nothing_is_started_for_a_demo_that_does_not_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "up", pytest.fail)

    result = CliRunner().invoke(app, ["demo", "--flow", "order_intake"])

    assert isinstance(result.exception, OperationError)
    assert "no flow 'order_intake'" in result.exception.problem
