"""The cost model: billed units of one event and of an idle month, and their prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

JsonObject = dict[str, Any]

MILLION = 1_000_000
GIGABYTE = 10**9
HOURS = 730
SECONDS = HOURS * 3600
DAYS = 30

#: The billed unit of each direct integration of the state machines.
INTEGRATIONS = {
    "dynamodb:putItem": "table_write",
    "dynamodb:updateItem": "table_write",
    "dynamodb:deleteItem": "table_write",
    "dynamodb:getItem": "table_read",
    "aws-sdk:dynamodb:putItem.waitForTaskToken": "table_write",
    "aws-sdk:pinpointsmsvoicev2:sendTextMessage": "text_message",
    "events:putEvents": "bus_event",
    "aws-sdk:dynamodb:transactWriteItems": "table_transaction",
    "apigateway:invoke": "api_call",
    "aws-sdk:s3:putObject": "object_write",
    "aws-sdk:sqs:getQueueAttributes": "queue_request",
    # Listing costs as much as writing.
    "aws-sdk:s3:listObjectsV2": "object_write",
    "aws-sdk:s3:deleteObject": "object_write",
    "aws-sdk:sesv2:sendEmail": "mail",
    "aws-sdk:glue:createPartition": "catalog_call",
    "aws-sdk:glue:createTable": "catalog_call",
    "aws-sdk:glue:getTable": "catalog_call",
    "aws-sdk:glue:updatePartition": "catalog_call",
    "aws-sdk:glue:updateTable": "catalog_call",
    "sns:publish": "notice",
}

#: Calls without a price, each with the reason.
WITHOUT_PRICE = {
    "aws-sdk:glue:getCrawler": "Reads a crawler, of which Glue bills the runs alone.",
    "aws-sdk:glue:listCrawlers": "Reads crawlers, of which Glue bills the runs alone.",
}


@dataclass(frozen=True)
class Work:
    """Work that a call starts, or that the event before it reports.

    Parameters
    ----------
    name
        The item's name in tables.
    unit
        Its entry in the price file.
    estimates
        The estimates that multiply to the units of one call; one unit without any.
    """

    name: str
    unit: str
    estimates: tuple[str, ...] = ()

    def item(self, calls: float, estimates: Mapping[str, float]) -> Item:
        """Return the billed units of so many calls."""
        size = prod(estimates[name] for name in self.estimates)
        return Item(self.name, self.unit, calls * size, is_counted=not self.estimates)


#: Calls that are billed by the work that they start.
WORK = {
    "athena:startQueryExecution.sync": [Work("queries of Athena", "scanned_gb", ("query_gb",))],
    "aws-sdk:glue:startCrawler": [
        Work("runs of crawlers", "crawler_dpu_hour", ("crawler_dpus", "crawler_hours"))
    ],
    "batch:container": [Work("containers", "container_minute", ("container_minutes",))],
    "databrew:startJobRun.sync": [
        Work(
            "runs of DataBrew",
            "databrew_node_hour",
            ("databrew_runs", "databrew_nodes", "databrew_hours"),
        )
    ],
    # An execution describes the flow of AppFlow whose run its event reports.
    "aws-sdk:appflow:describeFlow": [
        Work("runs of AppFlow", "appflow_run"),
        Work("data of AppFlow", "appflow_gb", ("appflow_gb",)),
    ],
}


@dataclass(frozen=True)
class Item:
    """Billed units of one event, or of one month.

    Parameters
    ----------
    name
        The item's name in tables.
    unit
        Its entry in the price file.
    number
        The number of units.
    is_counted
        Whether the number was counted; otherwise it is an estimate.
    """

    name: str
    unit: str
    number: float
    is_counted: bool = True

    def dollars(self, prices: Mapping[str, Any], times: float = 1) -> float:
        """Return the price of so many times this item."""
        entry = prices[self.unit]
        return self.number * times * float(entry["price"]) / float(entry["per"])


@dataclass(frozen=True)
class Setting:
    """The settings of an environment that change the cost of an event.

    Parameters
    ----------
    execution_data
        Whether state machines log inputs and outputs.
    log_days, archive_days
        Days that logs and archived events are kept.
    has_firewall
        Whether the flow's public API has a firewall.
    """

    execution_data: bool
    log_days: int
    archive_days: int
    has_firewall: bool = False

    @classmethod
    def of(cls, variables: Mapping[str, Any], flow: str) -> Setting:
        """Return the settings in an environment's tfvars."""
        settings = variables["flows"].get(flow) or {}
        front_door = settings.get("front_door") or {}
        return cls(
            variables["logs"]["execution_data"],
            variables["logs"]["retention_days"],
            variables["event_archive_days"],
            bool(settings.get("firewall") or front_door.get("firewall")),
        )


@dataclass(frozen=True)
class Page:
    """The web page of a flow: its files, and their bytes."""

    files: int
    size: int


def event_items(
    usage: Mapping[str, Any],
    estimates: Mapping[str, float],
    setting: Setting,
    page: Page | None,
) -> list[Item]:
    """Return the billed units of one event that comes through the flow's public API.

    Parameters
    ----------
    usage
        The counted usage of one event of the flow.
    estimates
        The assumptions.
    setting
        The environment's settings.
    page
        The flow's web page; None without one.
    """
    # An event from the bus was counted without the front door that puts it there.
    doors = float(usage["bus_events"])
    calls, invocations = usage["gateway_calls"] + doors, usage["invocations"] + doors
    failed, cold = estimates["failed_share"], estimates["cold_share"]
    data = "" if setting.execution_data else "_without_data"
    logs = {
        "logs of functions": (usage["function_log_bytes"], True),
        "log of the state machine": (usage[f"state_log_bytes{data}"], True),
        "audit log": (usage["audit_log_bytes"], True),
        "log of the front door": (doors * estimates["front_door_log_bytes"], False),
        "access logs": (calls * estimates["access_log_bytes"], False),
    }
    kept = sum(size for size, _ in logs.values()) * estimates["compression"]
    secrets = cold * invocations
    archived = doors * usage["event_bytes"] / GIGABYTE
    items = [
        Item("state transitions", "state_transition", usage["transitions"]),
        Item("Express executions", "express_request", usage.get("express_requests", 0)),
        Item(
            "Express time",
            "express_gb_second",
            usage.get("express_requests", 0)
            * estimates["express_seconds"]
            * estimates["express_gb"],
            is_counted=False,
        ),
        Item("function invocations", "function_invocation", invocations),
        Item(
            "function time",
            "function_gb_second",
            invocations * estimates["function_seconds"] * estimates["function_gb"],
            is_counted=False,
        ),
        Item("API calls", "api_call", calls),
        Item("events on the bus", "bus_event", doors),
        *_integrations(usage["integrations"]),
        *(
            work.item(number, estimates)
            for name, number in usage["integrations"].items()
            for work in WORK.get(name, ())
        ),
        *(
            Item(name, "logged_gb", size / GIGABYTE, is_counted)
            for name, (size, is_counted) in logs.items()
        ),
        Item("stored logs", "log_stored_gb", kept / GIGABYTE * setting.log_days / DAYS, False),
        Item("event archive", "archived_gb", archived),
        Item("stored archive", "archive_stored_gb", archived * setting.archive_days / DAYS),
        Item("secrets read", "secret_call", secrets, is_counted=False),
        Item("decrypted secrets", "key_request", secrets, is_counted=False),
        Item(
            "endpoint traffic",
            "endpoint_gb",
            secrets * estimates["endpoint_bytes"] / GIGABYTE,
            is_counted=False,
        ),
        Item("queue requests of failed events", "queue_request", 3 * failed, is_counted=False),
        Item("failures on the bus", "bus_event", failed, is_counted=False),
    ]
    if page:
        views = estimates["page_views"]
        items += [
            Item("page requests", "page_request", views * page.files + 1, is_counted=False),
            Item("page traffic", "page_gb", views * page.size / GIGABYTE, is_counted=False),
        ]
    if setting.has_firewall:
        seen = 1 if page is None else estimates["page_views"] * page.files + 1
        items.append(Item("firewall requests", "firewall_request", seen, is_counted=page is None))
    return [item for item in items if item.number]


def _integrations(calls: Mapping[str, float]) -> Iterator[Item]:
    units: dict[str, float] = {}
    for name, number in calls.items():
        if name in WITHOUT_PRICE or name in WORK:
            continue
        unit = INTEGRATIONS[name]
        units[unit] = units.get(unit, 0) + number
    for unit, number in units.items():
        # The calls of its own API are another item.
        name = "calls of other APIs" if unit == "api_call" else f"{unit.replace('_', ' ')}s"
        yield Item(name, unit, number)


def traces(events: float, sampling: float) -> float:
    """Return how many traces X-Ray records of evenly spread events of a month.

    It records one a second, and a share of the others.
    """
    return min(events, SECONDS) + sampling * max(0.0, events - SECONDS)


def month_of(
    items: Iterable[Item], events: float, prices: Mapping[str, Any], sampling: float
) -> float:
    """Return the dollars of a month with so many events, without the fixed costs."""
    traced = Item("traces", "trace", traces(events, sampling), is_counted=False)
    return sum(item.dollars(prices, events) for item in items) + traced.dollars(prices)


def fixed_items(resources: Mapping[str, Any], estimates: Mapping[str, float]) -> list[Item]:
    """Return the billed units of an idle month.

    Parameters
    ----------
    resources
        The counted resources of an environment, as `count` returns them.
    estimates
        The assumptions.
    """
    items = [
        Item("alarms", "alarm_metric", resources["alarm_metrics"]),
        Item("dashboards", "dashboard", max(0, resources["dashboards"] - 3)),
        Item("secrets", "secret", resources["secrets"]),
        Item("keys of KMS", "key", resources["keys"]),
        Item("interface endpoints", "endpoint_hour", resources["endpoint_zones"] * HOURS),
        Item("firewalls", "firewall", resources["firewalls"]),
        Item("rules of firewalls", "firewall_rule", resources["firewall_rules"]),
        Item(
            "detailed API metrics",
            "custom_metric",
            resources["api_methods"] * estimates["method_metrics"],
            is_counted=False,
        ),
    ]
    for database in resources["databases"]:
        zones = 2 if database["multi_az"] else 1
        kind = database["instance_class"]
        items += [
            Item(f"database {kind}", f"{kind} hour", zones * HOURS),
            Item("database storage", "database_gb", zones * database["storage_gb"]),
        ]
    return [item for item in items if item.number]


def count(resources: Iterable[tuple[str, Mapping[str, Any]]]) -> JsonObject:
    """Return the numbers of resources that are billed by the month.

    Parameters
    ----------
    resources
        Type and values of each resource that an environment would have.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for kind, values in resources:
        found.setdefault(kind, []).append(values)
    subnets = len(found.get("aws_subnet", []))
    endpoints = [
        endpoint
        for endpoint in found.get("aws_vpc_endpoint", [])
        if endpoint["vpc_endpoint_type"] == "Interface"
    ]
    databases = found.get("aws_db_instance", [])
    firewalls = found.get("aws_wafv2_web_acl", [])
    return {
        "alarm_metrics": sum(
            len([q for q in alarm.get("metric_query") or [] if q.get("metric")]) or 1
            for alarm in found.get("aws_cloudwatch_metric_alarm", [])
        ),
        "dashboards": len(found.get("aws_cloudwatch_dashboard", [])),
        # RDS makes the secret of its administrator.
        "secrets": len(found.get("aws_secretsmanager_secret", [])) + len(databases),
        "keys": len(found.get("aws_kms_key", [])),
        "endpoint_zones": len(endpoints) * subnets,
        "api_methods": sum(map(_methods, found.get("aws_api_gateway_rest_api", []))),
        "firewalls": len(firewalls),
        "firewall_rules": sum(len(firewall["rule"]) for firewall in firewalls),
        "databases": [
            {
                "instance_class": database["instance_class"],
                "multi_az": bool(database["multi_az"]),
                "storage_gb": database["allocated_storage"],
            }
            for database in databases
        ],
    }


def _methods(api: Mapping[str, Any]) -> int:
    """Return the number of methods of an API."""
    return str(api.get("body") or "").count("x-amazon-apigateway-integration") or 1
