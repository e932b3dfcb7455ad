"""The catalog shows of each flow what its files say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.terraform import catalog as module
from ops.terraform import templates
from ops.terraform.catalog import catalog, moved_links, opening

MAIN = """
module "rule" {
  source      = "../../modules/event_rule"
  description = "Starts an intake."
}

module "api" {
  source   = "../../modules/public_api"
  function = { description = "Takes an order." }
}

module "table" {
  source = "../../modules/table"
}
"""
INNER = {
    "StartAt": "Send",
    "States": {"Send": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.sync"}},
}
MACHINES = {
    "state_machine": {
        "StartAt": "Check",
        "States": {
            "Check": {"Type": "Task", "Resource": "arn:aws-cn:states:::lambda:invoke"},
            "Each": {"Type": "Map", "ItemProcessor": INNER},
        },
    },
    "undo": {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait"}}},
}


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "terraform" / "flows"
    for name in ("order_intake", "returns"):
        flow = folder / name
        flow.mkdir(parents=True)
        title = name.replace("_", " ").capitalize()
        (flow / "README.md").write_text(
            f"# {title}\n\nTakes [orders](../../modules/table/README.md)\nin.\n\nMore.\n"
        )
        (flow / "main.tf").write_text(MAIN if name == "order_intake" else "")
    for name in MACHINES:
        (folder / "order_intake" / f"{name}.asl.json.tftpl").touch()
    (folder / "not_a_flow").mkdir()
    monkeypatch.setattr(module, "FLOWS", folder)
    monkeypatch.setattr(templates, "FLOWS", folder)
    return folder


def test_a_flow_is_shown_with_triggers_states_and_integrations(flows: Path) -> None:
    text = catalog(flows.parents[1] / "docs", lambda _, file: json.dumps(MACHINES[file[:-15]]))

    table, intake, returns = text.split("\n\n## ")[0], *text.split("\n## ")[1:]
    assert table.splitlines()[2:4] == [
        "| [`order_intake`](#order-intake) | API call, event | 4 "
        "| `lambda:invoke`, `sqs:sendMessage.sync` |",
        "| [`returns`](#returns) | none | 0 | none |",
    ]
    assert intake.splitlines() == [
        "Order intake",
        "",
        "Takes [orders](../terraform/modules/table/README.md) in.",
        "",
        "- Flow: [`order_intake`](../terraform/flows/order_intake/README.md)",
        "- Trigger (event): Starts an intake.",
        "- Trigger (API call): Takes an order.",
        "- States of `state_machine`: `Check` (function), `Each` (Map), "
        "`Send` (`sqs:sendMessage.sync`)",
        "- States of `undo`: `Wait` (Wait)",
    ]
    assert "Trigger" not in returns


def test_a_document_opens_with_a_title_and_a_paragraph() -> None:
    assert opening("# Title\n\nOne\nparagraph.\n\n## More\n") == ("Title", "One paragraph.")


@pytest.mark.parametrize(
    ("link", "moved"),
    [
        ("../b/README.md#x", "../a/b/README.md#x"),
        ("https://example.com/x", "https://example.com/x"),
        ("#part", "#part"),
    ],
)
def test_only_relative_links_move_with_their_text(link: str, moved: str) -> None:
    assert moved_links(f"[x]({link})", Path("/r/a/c"), Path("/r/docs")) == f"[x]({moved})"
