"""The page of costs: what it counts is there, and its arithmetic holds."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from ops.costs.model import (
    GIGABYTE,
    INTEGRATIONS,
    MILLION,
    SECONDS,
    WITHOUT_PRICE,
    WORK,
    Item,
    Page,
    Setting,
    count,
    event_items,
    fixed_items,
    month_of,
    traces,
)
from ops.costs.page import RESOURCES, dollars, estimates, prices, usages
from ops.new_flow import flow_folders
from ops.settings import REPOSITORY
from ops.terraform.environments import STAGES, Environment
from tests.support.resources import Resource

FLOWS = REPOSITORY / "terraform" / "flows"
USAGE = {
    "transitions": 4,
    "invocations": 7,
    "gateway_calls": 3,
    "bus_events": 1,
    "integrations": {"dynamodb:putItem": 1, "dynamodb:deleteItem": 2},
    "event_bytes": 400,
    "function_log_bytes": 5000,
    "state_log_bytes": 9000,
    "state_log_bytes_without_data": 3000,
    "audit_log_bytes": 300,
}
SETTING = Setting(execution_data=False, log_days=60, archive_days=30)


def items(**more: Any) -> dict[str, Item]:
    """Return the billed units of one event, by name."""
    arguments = {"setting": SETTING, "page": None, **more}
    return {i.name: i for i in event_items(USAGE, estimates(), **arguments)}


def test_resources_are_those_of_the_plans(plan_of: Callable[[str], list[Resource]]) -> None:
    """``UPDATE_COSTS=yes`` writes what the plans have; then run ``make docs``."""
    found = {stage: count((r.type, r.values) for r in plan_of(stage)) for stage in STAGES}
    if os.environ.get("UPDATE_COSTS") == "yes":
        RESOURCES.write_text(json.dumps(found, indent=2) + "\n")

    assert json.loads(RESOURCES.read_text()) == found, "Run this test with UPDATE_COSTS=yes."


def test_every_flow_was_counted() -> None:
    assert sorted(usages()) == sorted(flow_folders(REPOSITORY))


def test_every_unit_has_a_price() -> None:
    for stage in STAGES:
        variables = Environment(stage).variables
        for flow in variables["flows"]:
            setting = Setting.of(variables, flow)
            for item in event_items(usages()[flow], estimates(), setting, Page(1, 1)):
                assert item.dollars(prices()) > 0, (stage, flow, item.name)
    works = [work for started in WORK.values() for work in started]
    assert {*INTEGRATIONS.values(), *(work.unit for work in works)} <= {*prices()}
    assert {name for work in works for name in work.estimates} <= {*estimates()}


def test_only_calls_that_start_no_work_have_no_price() -> None:
    for call, reason in WITHOUT_PRICE.items():
        assert re.search(r":(describe|get|list)[A-Z]\w*$", call), call
        assert re.fullmatch(r"[A-Z].{20,}\.", reason), call
    assert not {*WITHOUT_PRICE} & {*INTEGRATIONS, *WORK}
    assert not {*INTEGRATIONS} & {*WORK}


def test_every_run_that_a_state_machine_waits_for_is_billed_work() -> None:
    """Nested executions are counted with it, and jobs of AWS Batch by their containers."""
    for file in FLOWS.glob("*/*.asl.json.tftpl"):
        for call in re.findall(r"arn:[^:]+:states:::([\w:-]+\.sync)\b", file.read_text()):
            assert call in WORK or call.startswith(("states:", "batch:submitJob")), (file, call)


def test_work_is_billed_by_its_estimated_size() -> None:
    calls = {
        "athena:startQueryExecution.sync": 1,
        "aws-sdk:appflow:describeFlow": 1,
        "aws-sdk:glue:startCrawler": 1,
        "batch:container": 3,
        "databrew:startJobRun.sync": 1,
    }
    found = {
        i.name: i for i in event_items({**USAGE, "integrations": calls}, estimates(), SETTING, None)
    }
    costs = {
        name: found[name].dollars(prices())
        for works in WORK.values()
        for name in (work.name for work in works)
    }

    assert costs == pytest.approx(
        {
            # 10 MB at 5 dollars a TB.
            "queries of Athena": 0.00005,
            # Two units for ten minutes at 0.44 dollars an hour.
            "runs of crawlers": 0.1467,
            "containers": 3 * 0.0002057,
            # The source and the target job: five nodes for three minutes at 0.48 dollars an hour.
            "runs of DataBrew": 2 * 0.12,
            "runs of AppFlow": 0.001,
            "data of AppFlow": 0.00002,
        },
        rel=0.001,
    )
    assert [name for name in costs if found[name].is_counted] == ["runs of AppFlow"]


def test_jobs_of_databrew_have_the_nodes_of_the_estimate() -> None:
    defaults = [
        int(found[1])
        for file in FLOWS.glob("*/variables.tf")
        if (found := re.search(r"^ +nodes += optional\(number, (\d+)\)", file.read_text(), re.M))
    ]

    assert defaults == [estimates()["databrew_nodes"]]


def test_prices_have_a_date_and_sources() -> None:
    found = prices()

    assert found["date"]
    for name, entry in found.items():
        if name != "date":
            assert entry["price"] > 0
            assert entry["per"] >= 1
            assert entry["source"].startswith("https://aws.amazon.com/")


def test_an_event_passes_its_front_door() -> None:
    found = items()

    assert found["API calls"].number == 4
    assert found["function invocations"].number == 8
    assert found["events on the bus"].number == 1
    assert found["state transitions"].dollars(prices(), MILLION) == pytest.approx(100)
    assert (found["table writes"].number, found["table writes"].is_counted) == (3, True)


def test_an_express_execution_is_billed_by_its_request_and_its_time() -> None:
    usage = {**USAGE, "transitions": 0, "express_requests": 1}
    found = {i.name: i for i in event_items(usage, estimates(), SETTING, None)}

    assert "state transitions" not in found
    assert found["Express executions"].dollars(prices(), MILLION) == pytest.approx(1)
    assert found["Express time"].dollars(prices(), MILLION) > 0
    assert "Express executions" not in items()


def test_a_flow_that_was_counted_from_its_api_has_no_second_one() -> None:
    usage = {**USAGE, "bus_events": 0}
    found = {i.name: i.number for i in event_items(usage, estimates(), SETTING, None)}

    assert found["API calls"] == 3
    assert "events on the bus" not in found
    assert "log of the front door" not in found


def test_execution_data_are_logged_only_where_the_environment_says_so() -> None:
    with_data = Setting(execution_data=True, log_days=60, archive_days=30)

    assert items()["log of the state machine"].number == 3000 / GIGABYTE
    assert items(setting=with_data)["log of the state machine"].number == 9000 / GIGABYTE


def test_logs_cost_as_long_as_they_are_kept() -> None:
    longer = Setting(execution_data=False, log_days=120, archive_days=30)

    assert items(setting=longer)["stored logs"].number == pytest.approx(
        2 * items()["stored logs"].number
    )


def test_a_page_and_a_firewall_add_requests() -> None:
    guarded = Setting(execution_data=False, log_days=60, archive_days=30, has_firewall=True)
    found = items(setting=guarded, page=Page(files=4, size=16_000))

    assert "page requests" not in items()
    assert found["page requests"].number == 9
    assert found["firewall requests"].number == 9
    assert not found["page requests"].is_counted
    assert items(setting=guarded)["firewall requests"].number == 1


def test_a_front_door_has_the_firewall_of_its_settings() -> None:
    variables: dict[str, Any] = {
        "flows": {
            "page": {"front_door": {"firewall": {"requests": 300}}},
            "api": {"firewall": {"requests": 300}},
            "open": {"front_door": None},
        },
        "logs": {"execution_data": True, "retention_days": 14},
        "event_archive_days": 7,
    }

    assert [Setting.of(variables, flow).has_firewall for flow in variables["flows"]] == [
        True,
        True,
        False,
    ]


def test_traces_above_one_a_second_are_sampled() -> None:
    assert traces(MILLION, 0.05) == MILLION
    assert traces(SECONDS + 100, 0.05) == SECONDS + 5


def test_a_month_is_its_events_and_its_traces() -> None:
    one = [Item("calls", "api_call", 2)]

    # 7 dollars of calls and 5 of traces.
    assert month_of(one, MILLION, prices(), 0.05) == pytest.approx(12)


def test_resources_of_a_month() -> None:
    metric = {"metric": [{"metric_name": "m"}]}
    interface = {"vpc_endpoint_type": "Interface"}
    found = count(
        [
            ("aws_cloudwatch_metric_alarm", {"metric_query": []}),
            ("aws_cloudwatch_metric_alarm", {"metric_query": [{"metric": []}, metric, metric]}),
            *[("aws_cloudwatch_dashboard", {})] * 5,
            ("aws_secretsmanager_secret", {}),
            *[("aws_subnet", {})] * 2,
            ("aws_vpc_endpoint", interface),
            ("aws_vpc_endpoint", {"vpc_endpoint_type": "Gateway"}),
            ("aws_wafv2_web_acl", {"rule": [{}, {}]}),
            ("aws_api_gateway_rest_api", {"body": '"x-amazon-apigateway-integration" ' * 3}),
            (
                "aws_db_instance",
                {"instance_class": "db.m7g.large", "multi_az": True, "allocated_storage": 100},
            ),
        ]
    )
    costs = {i.name: i.dollars(prices()) for i in fixed_items(found, estimates())}

    assert costs == pytest.approx(
        {
            "alarms": 0.30,
            "dashboards": 6.00,
            "secrets": 0.80,
            "interface endpoints": 14.60,
            "firewalls": 5.00,
            "rules of firewalls": 2.00,
            "detailed API metrics": 4.50,
            "database db.m7g.large": 245.28,
            "database storage": 23.00,
        }
    )


def test_estimates_are_marked() -> None:
    assert dollars(0.5) == "0.50"
    assert dollars(1234.5) == "1,234"
    assert dollars(0.5, is_counted=False) == "≈ 0.50"
