"""The remaining resources of an account."""

from __future__ import annotations

import re
from typing import Any

from ops.aws.clients import Aws
from ops.local.stand_ins import OWNER


def left(aws: Aws) -> dict[str, list[Any]]:
    """Return what the account still holds of the flow, by kind."""
    client = aws.client
    buses = client("events").list_event_buses()["EventBuses"]
    roles = client("iam").list_roles()["Roles"]
    secrets = client("secretsmanager").list_secrets()["SecretList"]
    return {
        "functions": client("lambda").list_functions()["Functions"],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "buses": [bus["Name"] for bus in buses if bus["Name"] != "default"],
        "archives": client("events").list_archives()["Archives"],
        "state machines": client("stepfunctions").list_state_machines()["stateMachines"],
        "schedules": client("scheduler").list_schedules()["Schedules"],
        "groups of schedules": [
            group["Name"]
            for group in client("scheduler").list_schedule_groups()["ScheduleGroups"]
            if group["Name"] != "default"
        ],
        "sites": client("cloudfront").list_distributions()["DistributionList"].get("Items", []),
        # The bootstrap's stay with the account.
        "buckets": [
            bucket["Name"]
            for bucket in client("s3").list_buckets()["Buckets"]
            if not re.search(r"-(state|artifacts)-\d+$", bucket["Name"])
        ],
        "APIs": client("apigateway").get_rest_apis()["items"],
        "API keys": client("apigateway").get_api_keys()["items"],
        "usage plans": client("apigateway").get_usage_plans()["items"],
        "secrets": [secret["Name"] for secret in secrets if OWNER not in secret.get("Tags", [])],
        # The bootstrap's stays with the account.
        "roles": [r["RoleName"] for r in roles if "api-gateway-logs" not in r["RoleName"]],
        "log groups": client("logs").describe_log_groups()["logGroups"],
        "alarms": client("cloudwatch").describe_alarms()["MetricAlarms"],
        "dashboards": client("cloudwatch").list_dashboards()["DashboardEntries"],
        "tables": client("dynamodb").list_tables()["TableNames"],
        "senders": client("sesv2").list_email_identities()["EmailIdentities"],
        "topics": client("sns").list_topics()["Topics"],
        "job queues": client("batch").describe_job_queues()["jobQueues"],
        "compute environments": [
            environment["computeEnvironmentName"]
            for environment in client("batch").describe_compute_environments()[
                "computeEnvironments"
            ]
        ],
        "keys": [alias["AliasName"] for alias in client("kms").list_aliases()["Aliases"]],
    }
