"""The tables of ``docs/costs.md``."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from ops.costs.model import MILLION, Item, Page, Setting, event_items, fixed_items, month_of
from ops.settings import REPOSITORY
from ops.terraform.environments import STAGES, Environment
from ops.terraform.tables import markdown_table

FOLDER = Path(__file__).resolve().parent
PRICES = FOLDER / "prices.toml"
ESTIMATES = FOLDER / "estimates.toml"
#: Counted from the plans of the environments; a test compares it with them.
RESOURCES = FOLDER / "resources.json"
#: Written by ``make bench PART=usage``.
USAGE = REPOSITORY / "benchmarks" / "results" / "usage.json"
PAGES = REPOSITORY / "web"
EVENTS = (MILLION, 10 * MILLION, 100 * MILLION)
#: Behind numbers that were not counted.
MARK = "≈ "


@cache
def prices() -> dict[str, Any]:
    """Return the price file."""
    return tomllib.loads(PRICES.read_text(encoding="utf-8"))


@cache
def estimates() -> dict[str, float]:
    """Return the value of each assumption."""
    found = tomllib.loads(ESTIMATES.read_text(encoding="utf-8"))
    return {name: float(entry["value"]) for name, entry in found.items()}


@cache
def usages() -> dict[str, dict[str, Any]]:
    """Return the counted usage of one event of each flow."""
    found: dict[str, dict[str, Any]] = json.loads(USAGE.read_text())["data"]["flows"]
    return found


def page_of(flow: str) -> Page | None:
    """Return the web page of a flow."""
    files = [file for file in sorted((PAGES / flow).glob("*")) if file.is_file()]
    return Page(len(files), sum(file.stat().st_size for file in files)) if files else None


def items_of(flow: str, setting: Setting) -> list[Item]:
    """Return the billed units of one event of a flow."""
    return event_items(usages()[flow], estimates(), setting, page_of(flow))


def fixed_table() -> str:
    """Return the table of the costs of an idle month."""
    resources = json.loads(RESOURCES.read_text())
    by_stage = {
        stage: {item.name: item for item in fixed_items(resources[stage], estimates())}
        for stage in STAGES
    }
    names = list(dict.fromkeys(name for items in by_stage.values() for name in items))
    rows = [
        [
            name,
            *(
                dollars(items[name].dollars(prices()), items[name].is_counted)
                if name in items
                else ""
                for items in by_stage.values()
            ),
        ]
        for name in names
    ]
    totals = [sum(i.dollars(prices()) for i in items.values()) for items in by_stage.values()]
    return markdown_table(
        ["resource", *STAGES], [*rows, ["**total**", *(f"**{dollars(t)}**" for t in totals)]]
    )


def events_table() -> str:
    """Return the table of the costs of a million events of each flow, with the settings of prd."""
    flows = list(usages())
    variables = Environment("prd").variables
    by_flow = {
        flow: {item.name: item for item in items_of(flow, Setting.of(variables, flow))}
        for flow in flows
    }
    names = list(dict.fromkeys(name for items in by_flow.values() for name in items))
    most = {
        name: max(i[name].dollars(prices(), MILLION) for i in by_flow.values() if name in i)
        for name in names
    }
    rows = [
        [name, *(_cell(by_flow[flow].get(name)) for flow in flows)]
        for name in sorted(names, key=lambda name: -most[name])
    ]
    return markdown_table(["billed unit", *(f"`{flow}`" for flow in flows)], rows)


def _cell(item: Item | None) -> str:
    return dollars(item.dollars(prices(), MILLION), item.is_counted) if item else ""


def months_table() -> str:
    """Return the table of the monthly costs by environment and flow."""
    resources, sampling = json.loads(RESOURCES.read_text()), estimates()["trace_sampling"]
    rows = []
    for stage in STAGES:
        variables = Environment(stage).variables
        for flow in sorted(variables["flows"]):
            items = items_of(flow, Setting.of(variables, flow))
            months = [month_of(items, events, prices(), sampling) for events in EVENTS]
            rows.append([stage, f"`{flow}`", *(MARK + dollars(month) for month in months)])
        fixed = sum(i.dollars(prices()) for i in fixed_items(resources[stage], estimates()))
        rows.append([stage, "idle", *([dollars(fixed)] * len(EVENTS))])
    titles = [f"{events // MILLION} million" for events in EVENTS]
    return markdown_table(["environment", "flow", *titles], rows)


def estimates_table() -> str:
    """Return the table of the assumptions."""
    found = tomllib.loads(ESTIMATES.read_text(encoding="utf-8"))
    return markdown_table(
        ["estimate", "value"],
        [[entry["text"], f"{entry['value']:,g}"] for entry in found.values()],
    )


def prices_table() -> str:
    """Return the table of the prices with their sources."""
    rows = [
        [name.replace("_", " "), f"{entry['price']:g}", f"{entry['per']:,}", entry["source"]]
        for name, entry in prices().items()
        if isinstance(entry, dict)
    ]
    about = f"List prices of us-east-1 on {prices()['date']}, in US dollars.\n\n"
    return about + markdown_table(["unit", "price", "for", "source"], rows)


def dollars(amount: float, is_counted: bool = True) -> str:
    """Return an amount, with a mark if it is an estimate."""
    text = f"{amount:,.0f}" if amount >= 100 else f"{amount:,.2f}"
    return text if is_counted else MARK + text
