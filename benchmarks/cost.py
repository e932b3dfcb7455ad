"""Cost: the billed units that a lead uses, measured and compared with the article's design."""

from __future__ import annotations

import json
import time
import tomllib
from typing import Any

from benchmarks.environment import applied
from benchmarks.figures import median, table, verdict
from benchmarks.load import drive, lead
from ops.costs.page import PRICES
from ops.executions.executions import Execution
from tests.support.running import RunningFlow

TITLE = "Cost"
LEADS = 20
GIGABYTE = 10**9
#: An execution ends after its last row is written.
LAST_STATE_SECONDS = 3.0
ENDPOINTS = {
    "create_client": ("name", "lastname", "rut", "phone", "mail"),
    "create_partner": ("rut", "store"),
    "create_benefit": ("rut", "wantsBenefit"),
}
#: The article's states for a successful lead. Each is a function; three of them call its API, which
#: has one function per endpoint.
ARTICLES_STATES = ("ReceiveLead", "CreateClient", "CreatePartner", "CreateBenefit")
COUNTS = {
    "function_invocation": "function invocations",
    "state_transition": "state transitions",
    "api_call": "API calls",
    "bus_event": "events on the bus",
}
BYTES = {
    "state_bytes": "bytes between states",
    "request_bytes": "bytes of requests to the API",
}


def counted(platform: RunningFlow, execution: Execution) -> dict[str, float]:
    """Return the usage of one execution, from its history and the functions' logs."""
    runs = platform.executions.history(execution.arn)
    calls = [log_lines(platform, endpoint) for endpoint in ENDPOINTS]
    requests = sum(calls) / LEADS
    # Each attempt is an invocation and is billed as a transition.
    attempts = sum(run.attempts for run in runs)
    return {
        "function_invocation": attempts + requests,
        "state_transition": attempts,
        "api_call": requests,
        "bus_event": 1,
        "state_bytes": sum(size(run.input) + size(run.output or "") for run in runs),
        "event_bytes": size(runs[0].input),
        "lead_bytes": size(runs[0].output or ""),
    }


def log_lines(platform: RunningFlow, endpoint: str) -> int:
    """Return the number of requests in a backend function's log."""
    logs = platform.aws.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{platform.function(endpoint)}"
    )
    lines = [event["message"] for page in pages for event in page["events"]]
    return sum('"request ' in line for line in lines)


def logged_bytes(platform: RunningFlow) -> float:
    """Return the bytes of log lines per lead, of all log groups."""
    logs = platform.aws.client("logs")
    total = 0
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group["logGroupName"]
            )
            total += sum(size(e["message"]) for p in pages for e in p["events"])
    return total / LEADS


def size(text: str) -> int:
    """Return the size of a text in bytes."""
    return len(text.encode())


def sent(fields: tuple[str, ...] | None) -> int:
    """Return the bytes of a request's body with these fields of a lead; None for all fields."""
    body = {n: v for n, v in lead().items() if fields is None or n in fields}
    return size(json.dumps(body))


def articles(input_bytes: float, lead_bytes: float) -> dict[str, float]:
    """Return the usage of a lead in the article's design.

    Parameters
    ----------
    input_bytes
        Size of the event, which is the first state's input.
    lead_bytes
        Size of the lead, which is every other input and output.
    """
    states, calls = len(ARTICLES_STATES), len(ENDPOINTS)
    return {
        "function_invocation": states + calls,
        "state_transition": states,
        "api_call": calls,
        "bus_event": 1,
        "state_bytes": input_bytes + (2 * states - 1) * lead_bytes,
        "request_bytes": calls * sent(None),
    }


def price(counts: dict[str, float], prices: dict[str, Any]) -> float:
    """Return the price of a million leads in US dollars."""
    return sum(
        counts[name] * 1_000_000 * float(prices[name]["price"]) / float(prices[name]["per"])
        for name in COUNTS
    )


def measure() -> dict[str, Any]:
    """Send some leads and count their usage."""
    with applied() as platform:
        before = logged_bytes(platform) * LEADS
        traffic = drive(platform, LEADS, 2)
        if traffic.lost:
            raise RuntimeError(f"{traffic.lost} leads did not arrive. The counts would be wrong.")
        time.sleep(LAST_STATE_SECONDS)
        executions = platform.executions.newest(LEADS)
        each = [counted(platform, execution) for execution in executions]
        ours = {name: median(one[name] for one in each) for name in each[0]}
        ours["request_bytes"] = sum(sent(fields) for fields in ENDPOINTS.values())
        logged = logged_bytes(platform) - before / LEADS
    return {
        "leads": LEADS,
        "ours": ours,
        "article": articles(ours["event_bytes"], ours["lead_bytes"]),
        "logged_bytes": logged,
    }


def render(data: dict[str, Any]) -> str:
    """Return the part's section."""
    prices = tomllib.loads(PRICES.read_text())
    ours, article = data["ours"], data["article"]
    rows = [
        [
            words,
            f"{ours[name] / article[name]:.2f}",
            verdict(ours[name] <= article[name]),
            f"{article[name]:,.0f}",
            f"{ours[name]:,.0f}",
        ]
        for name, words in (COUNTS | BYTES).items()
    ]
    dollars = price(article, prices), price(ours, prices)
    rows.append(
        [
            "dollars for a million leads",
            f"{dollars[1] / dollars[0]:.2f}",
            verdict(dollars[1] <= dollars[0]),
            *(f"{each:,.2f}" for each in dollars),
        ]
    )
    millions = 1_000_000 / GIGABYTE
    archive = ours["event_bytes"] * millions * prices["archived_gb"]["price"]
    logs = data["logged_bytes"] * millions * prices["logged_gb"]["price"]
    return "\n\n".join(
        [
            ABOUT.format(leads=data["leads"], date=prices["date"]),
            table(["per lead", "ours / article's", "", "article's", "ours"], rows),
            MORE.format(archive=archive, logs=logs, logged=data["logged_bytes"]),
        ]
    )


ABOUT = """\
Counted from {leads} leads on the local environment, and compared with the usage of the article's
design for the same lead: four states, each a function; three of them call its API, which has one
function per endpoint. Each call sends the complete lead. Prices: `ops/costs/prices.toml`,
us-east-1, {date}."""
MORE = """\
Only ours has an event archive and structured logs. For a million leads they cost ${archive:.2f} and
${logs:.2f} ({logged:,.0f} bytes of log lines per lead). The duration of functions is not priced,
because local durations do not predict those on AWS."""
