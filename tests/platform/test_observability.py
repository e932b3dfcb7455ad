"""Every failure fires an alarm, every alarm reaches the topic, and dashboards show all parts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import tftest

from emulator.alarms import evaluated
from emulator.filter_patterns import compile_json
from ops.settings import REPOSITORY
from ops.terraform.definition import all_states
from ops.terraform.runner import ROOT
from tests.support.plans import plan_modules
from tests.support.platform import Platform
from tests.support.resources import JsonObject, Resource, of_type, statements

COLUMNS = 24
#: The most widgets of a dashboard
#: (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html).
WIDGETS = 500
FAILED = "ExecutionsFailed"
#: How metrics that count lines of a log end, and the metric that they replace, by its dimension.
COUNTED = {
    "FunctionName": ("-technical-errors", "Errors"),
    "StateMachineArn": ("-technical-failures", FAILED),
}

#: What is watched, by the type of the resource: the dimension that names it in CloudWatch, where
#: its name stands, and the metrics that have an alarm.
WATCHED = {
    "aws_lambda_function": (
        "FunctionName",
        "function_name",
        {"Errors", "Throttles", "Duration"},
    ),
    "aws_sqs_queue": (
        "QueueName",
        "name",
        {"ApproximateNumberOfMessagesVisible"},
    ),
    "aws_sfn_state_machine": (
        "StateMachineArn",
        "name",
        {FAILED, "ExecutionsTimedOut", "ExecutionsAborted", "ExecutionThrottled"},
    ),
    "aws_cloudwatch_event_rule": (
        "RuleName",
        "name",
        {"FailedInvocations", "InvocationsFailedToBeSentToDlq", "ThrottledRules"},
    ),
    "aws_scheduler_schedule": (
        "ScheduleGroup",
        "group_name",
        {
            "InvocationDroppedCount",
            "InvocationsFailedToBeSentToDeadLetterCount",
            "InvocationThrottleCount",
        },
    ),
    "aws_api_gateway_rest_api": ("ApiName", "name", {"5XXError", "Latency"}),
    "aws_sns_topic": (
        "TopicName",
        "name",
        {"NumberOfNotificationsFailed", "NumberOfNotificationsFailedToRedriveToDlq"},
    ),
}
#: Metrics with an alarm for some of a kind alone: APIs with keys have a limit that an alarm
#: announces (see below), and functions of streams may be late.
OF_SOME = {"Count", "IteratorAge"}
#: Parts without a queue of what they could not deliver.
WITHOUT_QUEUE = ("canary_guard", "observability")
LOST = {"InvocationsFailedToBeSentToDlq", "NumberOfNotificationsFailedToRedriveToDlq"}
#: Alarms without a line on a dashboard: the quota is the account's, not the rule's.
NOT_DRAWN = {"ThrottledRules", "InvocationThrottleCount"}
RDS_METRICS = {"DatabaseConnections", "CPUUtilization", "FreeableMemory", "FreeStorageSpace"}
#: An alarm of another environment, by its name.
ELSEWHERE = "another-environment-failed"

#: The fields that the API's access log may have. The address, the agent, the path with its values
#: and the bodies are, or may hold, personal data.
ACCESS_LOG = {
    "$context.requestId",
    "$context.xrayTraceId",
    "$context.requestTime",
    "$context.httpMethod",
    "$context.resourcePath",
    "$context.status",
    "$context.error.responseType",
    "$context.integration.status",
    "$context.integration.latency",
    "$context.responseLatency",
    "$context.responseLength",
    "$context.identity.apiKeyId",
}


@pytest.mark.parametrize("kind", WATCHED)
def test_whatever_can_fail_raises_an_alarm(found: list[Resource], kind: str) -> None:
    dimension, attribute, metrics = WATCHED[kind]
    awaited = awaited_machines(found)

    for resource in some_of_type(found, kind):
        name = resource.values[attribute]
        watched = alarmed(found, dimension, name) | counted(found, dimension, name)
        spared = LOST if any(part in resource.address for part in WITHOUT_QUEUE) else set()
        # The execution that waits for it fails with it, and has the alarm.
        spared = {FAILED} if kind == "aws_sfn_state_machine" and name in awaited else spared
        assert watched - OF_SOME == metrics - spared, resource.address


def test_dev_has_something_of_all_that_is_watched(
    plan_of: Callable[[str], list[Resource]],
) -> None:
    """The other environments have fewer flows, and may lack a kind."""
    for kind in WATCHED:
        assert of_type(plan_of("dev"), kind)


def some_of_type(found: list[Resource], kind: str) -> list[Resource]:
    """Return the resources of a type that an environment may lack."""
    return [resource for resource in found if resource.type == kind]


def awaited_machines(found: list[Resource]) -> set[str]:
    """Return the names of the state machines that others start, and wait for."""
    starts = [
        state
        for machine in of_type(found, "aws_sfn_state_machine")
        for _, state in all_states(json.loads(machine.values["definition"]))
        if ":states:startExecution.sync" in state.get("Resource", "")
    ]
    return {
        state["Arguments"]["StateMachineArn"].partition(":stateMachine:")[2].partition(":")[0]
        for state in starts
    }


def test_an_api_with_keys_raises_an_alarm_before_it_refuses_calls(found: list[Resource]) -> None:
    announced = {
        alarm.values["dimensions"]["ApiName"]: alarm.values
        for alarm in of_type(found, "aws_cloudwatch_metric_alarm")
        if (alarm.values.get("dimensions") or {}).get("ApiName")
        and alarm.values["metric_name"] == "Count"
    }
    plans = some_of_type(found, "aws_api_gateway_usage_plan")

    assert {plan.values["name"] for plan in plans} == set(announced)
    for plan in plans:
        [throttle] = plan.values["throttle_settings"]
        alarm = announced[plan.values["name"]]
        assert (alarm["statistic"], alarm["period"]) == ("Sum", 60)
        assert alarm["threshold"] == pytest.approx(0.8 * 60 * throttle["rate_limit"])


def test_an_api_raises_an_alarm_for_refusals_that_are_no_business_errors(
    found: list[Resource],
) -> None:
    patterns = {
        line.values["metric_transformation"][0]["name"]: compile_json(line.values["pattern"])
        for line in some_of_type(found, "aws_cloudwatch_log_metric_filter")
    }
    alarms = {
        a.values["alarm_name"]: a.values for a in of_type(found, "aws_cloudwatch_metric_alarm")
    }

    for api in some_of_type(found, "aws_api_gateway_rest_api"):
        alarm = alarms[f"{api.values['name']}-client-errors"]
        metrics = {
            query["id"]: query["metric"][0]["metric_name"]
            for query in alarm["metric_query"]
            if query.get("metric")
        }
        [expression] = [q["expression"] for q in alarm["metric_query"] if q.get("expression")]
        is_rejected = patterns[metrics.pop("rejected")]

        assert metrics == {"refused": "4XXError", "calls": "Count"}
        for status in ("400", "409", "413", "415", "422"):
            assert is_rejected(json.dumps({"status": status}))
        for status in ("200", "401", "403", "404", "429", "500"):
            assert not is_rejected(json.dumps({"status": status}))
        for rejected, share in ((150, 0), (50, 50), (None, 75)):
            calls = {"calls": 200, "refused": 150, "rejected": rejected}
            assert evaluated(expression, calls) == share
        assert 10 <= alarm["threshold"] <= 50


def counted(found: list[Resource], dimension: str, name: str) -> set[str]:
    """Return the metrics of a function or state machine whose alarm counts lines of a log."""
    end, metric = COUNTED.get(dimension, ("", ""))
    return {
        metric
        for alarm in of_type(found, "aws_cloudwatch_metric_alarm")
        if end and alarm.values["metric_name"] == f"{name}{end}"
    }


def test_a_queue_raises_another_alarm_before_a_message_is_lost(found: list[Resource]) -> None:
    for queue in of_type(found, "aws_sqs_queue"):
        seconds = [
            alarm.values["period"] * alarm.values["evaluation_periods"]
            for alarm in of_type(found, "aws_cloudwatch_metric_alarm")
            if (alarm.values.get("dimensions") or {}).get("QueueName") == queue.values["name"]
        ]

        # The workflow's alarms report failed events.
        is_of_failures = queue.address.endswith(".module.failed.aws_sqs_queue.this")
        # Messages in the queue of a consumer are work, not failures.
        is_of_work = queue.address.endswith(".module.queue.aws_sqs_queue.this")
        assert len(seconds) == (1 if is_of_failures or is_of_work else 2), queue.address
        # CloudWatch looks back a week at most.
        assert (
            24 * 3600
            <= max(seconds)
            <= min(7 * 24 * 3600, queue.values["message_retention_seconds"])
        )


def test_a_table_raises_alarms_by_the_dimensions_that_its_metrics_have(
    found: list[Resource],
) -> None:
    for table in [resource for resource in found if resource.type == "aws_dynamodb_table"]:
        watched = {
            (metric["metric_name"], tuple(sorted(set(metric["dimensions"]) - {"TableName"})))
            for alarm in of_type(found, "aws_cloudwatch_metric_alarm")
            for query in alarm.values.get("metric_query", [])
            for metric in query["metric"]
            if (metric["dimensions"] or {}).get("TableName") == table.values["name"]
        }

        assert watched == {
            ("ReadThrottleEvents", ()),
            ("WriteThrottleEvents", ()),
            ("SystemErrors", ("Operation",)),
        }


def test_a_database_on_rds_raises_alarms_and_is_on_the_dashboard(found: list[Resource]) -> None:
    shown = {metric for _, metric, name in metrics_of(overview(found)) if name == "AWS/RDS"}
    for resource in [resource for resource in found if resource.type == "aws_db_instance"]:
        identifier = resource.values["identifier"]

        assert alarmed(found, "DBInstanceIdentifier", identifier) == RDS_METRICS
        assert identifier in json.dumps(overview(found))
        assert shown == RDS_METRICS


def topic_of_alarms(found: list[Resource]) -> Resource:
    """Return the topic that every alarm notifies; flows have topics of their own."""
    [topic] = [t for t in of_type(found, "aws_sns_topic") if "observability" in t.address]
    return topic


def test_every_alarm_tells_the_topic_when_it_begins_and_when_it_ends(
    found: list[Resource],
) -> None:
    topic = topic_of_alarms(found)
    for alarm in of_type(found, "aws_cloudwatch_metric_alarm"):
        for actions in (alarm.values["alarm_actions"], alarm.values["ok_actions"]):
            [arn] = actions
            assert arn.startswith("arn:aws:sns:"), alarm.address
            assert arn.endswith(f":{topic.values['name']}"), alarm.address
        assert alarm.values["alarm_description"]


def test_the_runbook_has_a_row_for_every_alarm_and_no_other(
    plan_of: Callable[[str], list[Resource]],
) -> None:
    text = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    _, _, table = text.partition("| alarm ends in |")
    rows = table.partition("\n\n")[0].splitlines()[2:]
    endings = [ending for row in rows for ending in re.findall(r"`([^`]+)`", row.split("|")[1])]
    told: dict[str, set[str]] = {}
    # Dev has every flow, and prd the canary guard.
    found = plan_of("dev") + plan_of("prd")
    for alarm in of_type(found, "aws_cloudwatch_metric_alarm"):
        name, metric = alarm.values["alarm_name"], alarm.values["metric_name"]
        # Counted by the lines of a log.
        for end, usual in COUNTED.values():
            metric = usual if metric and metric.endswith(end) else metric
        ending = max((e for e in endings if name.endswith(e)), key=len, default=name)
        told.setdefault(ending, set()).add(metric)

    assert set(told) == set(endings)
    assert {ending: metrics for ending, metrics in told.items() if len(metrics) > 1} == {}


def test_the_topic_is_encrypted_with_a_key_of_its_own(made: list[Resource]) -> None:
    topic = topic_of_alarms(made)
    [key] = [key for key in of_type(made, "aws_kms_key") if "observability" in key.address]
    assert topic.values["kms_master_key_id"] == key.values["arn"]
    assert key.values["enable_key_rotation"] is True


def test_alarms_can_use_the_key_of_the_topic(found: list[Resource]) -> None:
    allowed = {s.sid: s for s in statements(found) if s.sid in ("EncryptAlarms", "PublishAlarms")}
    assert set(allowed["EncryptAlarms"].actions) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert allowed["PublishAlarms"].actions == ["sns:Publish"]
    # CloudWatch may leave out for which alarm it asks the key, and not for which it publishes.
    for sid, lenient in (("EncryptAlarms", "IfExists"), ("PublishAlarms", "")):
        assert allowed[sid].content["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        condition = allowed[sid].content["Condition"]
        account = condition[f"StringEquals{lenient}"]["aws:SourceAccount"]
        [prefix] = re.findall(
            rf"^arn:aws:cloudwatch:[a-z0-9-]+:{account}:alarm:(.+)\*$",
            condition[f"ArnLike{lenient}"]["aws:SourceArn"],
        )
        for alarm in of_type(found, "aws_cloudwatch_metric_alarm"):
            assert alarm.values["alarm_name"].startswith(prefix)


def test_the_topic_on_aws_refuses_connections_without_tls(planned: list[Resource]) -> None:
    topics = of_type(planned, "aws_sns_topic")
    denied = [s for s in statements(topics) if not s.is_allow]

    assert [s.content["Condition"] for s in denied] == [
        {"Bool": {"aws:SecureTransport": "false"}} for _ in topics
    ]


@pytest.mark.parametrize("kind", [kind for kind in WATCHED if kind != "aws_sns_topic"])
def test_the_dashboard_shows_everything(found: list[Resource], kind: str) -> None:
    dimension, attribute, metrics = WATCHED[kind]
    shown = {
        (metric[index + 1].rpartition(":")[2], metric[1])
        for body in dashboards(found).values()
        for widget in body["widgets"]
        for metric in widget["properties"].get("metrics", [])
        for index, part in enumerate(metric)
        if part == dimension
    }

    assert {name for name, _ in shown} == {
        resource.values[attribute] for resource in some_of_type(found, kind)
    }
    for name in {name for name, _ in shown}:
        assert metrics - NOT_DRAWN <= {metric for shown_name, metric in shown if shown_name == name}


def test_the_overview_shows_every_alarm_and_its_flows_dashboard_too(found: list[Resource]) -> None:
    alarms = {
        alarm.values["alarm_name"]: alarm for alarm in of_type(found, "aws_cloudwatch_metric_alarm")
    }
    every = overview(found)
    of_flows = [body for body in dashboards(found).values() if body != every]

    assert sorted(alarms_of(every)) == sorted(alarms)
    # The platform's own are on the overview alone.
    assert sorted(name for body in of_flows for name in alarms_of(body)) == sorted(
        name
        for name, alarm in alarms.items()
        if not alarm.address.startswith(("module.observability.", "module.database["))
    )


def test_the_overview_leads_to_every_other_dashboard(found: list[Resource]) -> None:
    text = json.dumps(overview(found))

    names = set(dashboards(found)) - {overview_name(found)}
    assert names
    assert {name for name in names if f"(#dashboards/dashboard/{name})" in text} == names


def test_the_dashboard_shows_a_duration_against_its_timeout(found: list[Resource]) -> None:
    timeouts = {
        widget["properties"]["metrics"][0][3]: line["value"] / 1000
        for body in dashboards(found).values()
        for widget in body["widgets"]
        for line in widget["properties"].get("annotations", {}).get("horizontal", [])
        if line["label"].startswith("Timeout")
    }

    assert timeouts == {
        function.values["function_name"]: function.values["timeout"]
        for function in of_type(found, "aws_lambda_function")
    }


def test_the_dashboard_is_laid_out_without_gaps_at_its_left_and_overlaps(
    found: list[Resource],
) -> None:
    for body in dashboards(found).values():
        check_layout(body)


def test_the_dashboard_takes_any_number_of_flows_and_a_database(
    terraform_of_dev: tftest.TerraformTest, tmp_path: Path
) -> None:
    names = [f"function-{number}" for number in range(7)]
    flows = {
        "big": flow(functions=names, queues=["one", "two", "three"], rules=["a", "b"]),
        "small": flow(functions=["only"], queues=[], rules=[]),
    }
    modules = {
        name: {
            "source": f"{ROOT / 'modules'}//flow_dashboard",
            "name_prefix": "flowbridge-dev",
            "name": name,
            "flow": flow,
        }
        for name, flow in flows.items()
    }
    alarm = {"connections": 50, "cpu_percent": 80, "free_storage_gib": 4, "free_memory_mib": 51}
    database = {"identifier": "flowbridge-dev-database", "alarm": alarm, "alarm_names": ["full"]}
    modules["observability"] = {
        "source": f"{ROOT / 'modules'}//observability",
        "name": "flowbridge-dev",
        "alarm_receivers": ["operations@example.com", "https://alarms.example.com/flowbridge"],
        "database": database,
        "flows": {name: f"${{module.{name}.overview}}" for name in flows},
    }
    found = plan_modules(terraform_of_dev, tmp_path, modules)

    bodies = dashboards(found)
    assert set(bodies) == {"flowbridge-dev", "flowbridge-dev-big", "flowbridge-dev-small"}
    for body in bodies.values():
        check_layout(body)
    text = json.dumps(bodies)
    wanted = [*names, "only", "one", "two", "three", "a", "b", "a-daily", "b-daily"]
    assert [name for name in wanted if f'"{name}"' not in text] == []
    every = [f"{name}-errors" for name in [*names, "only"]]
    alarms = alarms_of(bodies["flowbridge-dev"])
    assert sorted(alarms) == sorted([*every, "full", "flowbridge-dev-alarms-unheard"])
    drawn = {m for _, m, name in metrics_of(bodies["flowbridge-dev"]) if name == "AWS/RDS"}
    assert drawn == RDS_METRICS
    assert {
        (subscription.values["protocol"], subscription.values["endpoint"])
        for subscription in of_type(found, "aws_sns_topic_subscription")
    } == {
        ("email", "operations@example.com"),
        ("https", "https://alarms.example.com/flowbridge"),
    }


def test_dashboards_of_many_flows_stay_within_the_limits(
    terraform_of_dev: tftest.TerraformTest, tmp_path: Path
) -> None:
    """The platform is built for 21 flows; here each is larger than any that there is."""
    names = [f"flow-{number}" for number in range(21)]
    modules: dict[str, JsonObject] = {
        name: {
            "source": f"{ROOT / 'modules'}//flow_dashboard",
            "name_prefix": "flowbridge-dev",
            "name": name,
            "flow": flow(
                functions=[f"{name}-function-{number}" for number in range(20)],
                queues=[f"{name}-queue-{number}" for number in range(5)],
                rules=[f"{name}-rule-{number}" for number in range(4)],
            ),
        }
        for name in names
    }
    modules["observability"] = {
        "source": f"{ROOT / 'modules'}//observability",
        "name": "flowbridge-dev",
        "flows": {name: f"${{module.{name}.overview}}" for name in names},
    }
    found = dashboards(plan_modules(terraform_of_dev, tmp_path, modules))

    assert len(found) == 1 + len(names)
    for body in found.values():
        widgets = body["widgets"]
        lines = [len(w["properties"].get("metrics", [])) for w in widgets]
        assert len(widgets) <= WIDGETS
        # A graph shows 500 metrics at most, and a dashboard 2,500.
        assert max(lines) <= 500
        assert sum(lines) <= 2500
        check_layout(body)


def test_the_access_log_holds_no_personal_data(found: list[Resource]) -> None:
    for stage in some_of_type(found, "aws_api_gateway_stage"):
        [settings] = stage.values["access_log_settings"]

        assert set(json.loads(settings["format"]).values()) <= ACCESS_LOG


def test_an_alarm_is_heard_through_the_topic(platform: Platform) -> None:
    """The topic's policy lets the alarms of the environment in, and no others."""
    sqs, sns = platform.aws.client("sqs"), platform.aws.client("sns")
    cloudwatch = platform.aws.client("cloudwatch")
    topic = platform.outputs["alarm_topic_arn"]
    arn = "arn:aws:sqs:us-east-1:000000000000:flowbridge-local-heard"
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    queue = sqs.create_queue(QueueName="flowbridge-local-heard", Attributes={"Policy": policy})
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
    )
    try:
        alarms = cloudwatch.describe_alarms()["MetricAlarms"]
        name = next(alarm["AlarmName"] for alarm in alarms if topic in alarm["AlarmActions"])
        cloudwatch.put_metric_alarm(
            AlarmName=ELSEWHERE,
            Namespace="n",
            MetricName="m",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=[topic],
        )
        for one in (ELSEWHERE, name):
            cloudwatch.set_alarm_state(AlarmName=one, StateValue="ALARM", StateReason="tried")
        heard = sqs.receive_message(
            QueueUrl=queue["QueueUrl"], WaitTimeSeconds=10, MaxNumberOfMessages=10
        )
    finally:
        cloudwatch.delete_alarms(AlarmNames=[ELSEWHERE])
        sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        sqs.delete_queue(QueueUrl=queue["QueueUrl"])

    [message] = heard["Messages"]
    assert name in message["Body"]


def dashboards(found: list[Resource]) -> dict[str, JsonObject]:
    """Return the bodies of the dashboards, by name."""
    return {
        resource.values["dashboard_name"]: json.loads(resource.values["dashboard_body"])
        for resource in of_type(found, "aws_cloudwatch_dashboard")
    }


def overview_name(found: list[Resource]) -> str:
    """Return the name of the overview: the others' names begin with it."""
    return min(dashboards(found), key=len)


def overview(found: list[Resource]) -> JsonObject:
    """Return the body of the overview."""
    return dashboards(found)[overview_name(found)]


def alarms_of(body: JsonObject) -> list[str]:
    """Return the names of the alarms that a dashboard shows."""
    return [
        arn.partition(":alarm:")[2]
        for widget in body["widgets"]
        for arn in widget["properties"].get("alarms", [])
    ]


def alarmed(found: list[Resource], dimension: str, name: str) -> set[str]:
    """Return the metrics of one resource that have an alarm; an ARN is matched by its end."""
    return {
        alarm.values["metric_name"]
        for alarm in of_type(found, "aws_cloudwatch_metric_alarm")
        if (alarm.values.get("dimensions") or {}).get(dimension, "").rpartition(":")[2] == name
    }


def metrics_of(body: JsonObject) -> list[tuple[str, str, str]]:
    """Return title, metric and namespace of each line of a dashboard but the expressions."""
    return [
        (widget["properties"]["title"], metric[1], metric[0])
        for widget in body["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if isinstance(metric[0], str)
    ]


def flow(functions: list[str], queues: list[str], rules: list[str]) -> JsonObject:
    """Return the output of a flow; one with queues has a workflow, which its rules start."""
    workflow = {
        "name": "machine",
        "state_machine_arn": "arn:aws:states:::machine",
        "failed_queue_url": f"https://sqs/{queues[0]}" if queues else "",
        "alarm_names": [],
        "triggers": {
            name: {
                "kind": "event_rule",
                "name": name,
                "event_bus_name": "bus",
                "undelivered_queue_url": f"https://sqs/{queue}",
            }
            for name, queue in zip(rules, queues[1:], strict=False)
        }
        | {f"{name}-daily": {"kind": "schedule", "name": f"{name}-daily"} for name in rules},
    }
    return {
        "workflows": {"main": workflow} if queues else {},
        "functions": {
            name: {"name": name, "timeout_seconds": 30, "alarm_names": [f"{name}-errors"]}
            for name in functions
        },
    }


def check_layout(body: JsonObject) -> None:
    """Check that every graph has a title, an axis and a line, and a place of its own."""
    taken: set[tuple[int, int]] = set()
    for widget in body["widgets"]:
        columns = range(widget["x"], widget["x"] + widget["width"])
        rows = range(widget["y"], widget["y"] + widget["height"])
        place = {(x, y) for x in columns for y in rows}
        assert columns.stop <= COLUMNS
        assert not place & taken
        taken |= place
        if widget["type"] == "metric":
            properties = widget["properties"]
            assert properties["title"]
            assert properties["metrics"]
            assert properties["region"] == "us-east-1"
            assert properties["yAxis"]["left"]["label"]
    height = max(y for _, y in taken) + 1
    assert {y for x, y in taken if x == 0} == set(range(height))
