"""Each patch closes a gap that MiniStack still has.

A check returns whether a server behaves as AWS does. It must be true of the emulator, and false of
a MiniStack without patches: where it is true of both, the patch can be deleted.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import threading
import time
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from emulator import patches
from ops.local import certificates
from ops.local.gaps import gaps_of
from tests.emulator.end_to_end import (
    apis,
    batch,
    connections,
    event_sources,
    executions,
    queries,
    resilience,
    schedules,
    streams,
    transfers,
)
from tests.support.emulator import running_emulator

REGION = "us-east-1"
ACCOUNT = "111111111111"
OTHER_ACCOUNT = "222222222222"
SECONDS = 5.0

#: Of functions and state machines.
WRITE_LOGS = {"Action": "logs:*"}

numbers = count(1)


class Server:
    """A running server, with clients of its root users and of users with one policy."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.port = int(endpoint.rpartition(":")[2])
        self.account, self.region = ACCOUNT, REGION
        self.cache: dict[str, Any] = {}

    def client(
        self,
        service: str,
        key: str = ACCOUNT,
        secret: str = "test",
        region: str = REGION,
        **more: Any,
    ) -> Any:
        config = Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            inject_host_prefix=False,
        )
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=config,
            **more,
        )

    def client_with(self, service: str, *statements: dict[str, Any]) -> Any:
        """Return the client of a new user, who may do what some statements allow."""
        iam, name = self.client("iam"), new("user")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return self.client(service, key["AccessKeyId"], key["SecretAccessKey"])

    def role(self, service: str, *statements: dict[str, Any], path: str = "/") -> str:
        iam, name = self.client("iam"), new("role")
        trusted = {"Service": f"{service}.amazonaws.com", "AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
        made = iam.create_role(
            RoleName=name,
            Path=path,
            AssumeRolePolicyDocument=json.dumps({**VERSION, "Statement": [trust]}),
        )
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))
        return str(made["Role"]["Arn"])

    def function(self, *lines: str, top: str = "", may_log: bool = True, **more: Any) -> str:
        code = "\n".join([top, "def h(event, context):", *(f"    {line}" for line in lines)])
        name = new("function")
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=self.role("lambda", *([WRITE_LOGS] if may_log else [])),
            Handler="m.h",
            Code={"ZipFile": archive_of("m.py", code)},
            Timeout=20,
            **more,
        )
        return name

    def invoke(self, name: str, event: Any = None) -> Any:
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
        return json.load(answer["Payload"])

    def machine(self, states: dict[str, Any], *statements: dict[str, Any], **more: Any) -> str:
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
        made = self.client("stepfunctions").create_state_machine(
            name=new("machine"),
            definition=json.dumps(definition),
            roleArn=self.role("states", *statements),
            **more,
        )
        return str(made["stateMachineArn"])

    def run(self, machine: str) -> Any:
        """Return an execution that has ended."""
        client = self.client("stepfunctions")
        arn = client.start_execution(stateMachineArn=machine)["executionArn"]

        def ended() -> Any:
            found = client.describe_execution(executionArn=arn)
            return found if found["status"] != "RUNNING" else None

        return eventually(ended)

    def get(self, path: str, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def mock_api(self, account: str = ACCOUNT) -> str:
        """Return a REST API whose ``GET /mock`` of stage ``s`` answers 200."""
        client = self.client("apigateway", account)
        api = client.create_rest_api(name=new("api"))["id"]
        [root] = client.get_resources(restApiId=api)["items"]
        made = client.create_resource(restApiId=api, parentId=root["id"], pathPart="mock")
        method = {"restApiId": api, "resourceId": made["id"], "httpMethod": "GET"}
        client.put_method(**method, authorizationType="NONE")
        client.put_integration(
            **method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'}
        )
        client.put_method_response(**method, statusCode="200")
        client.put_integration_response(**method, statusCode="200", selectionPattern="")
        client.create_deployment(restApiId=api, stageName="s")
        return str(api)

    def distribution(self, domain: str, path: str, port: int) -> str:
        """Return the label of a distribution with one origin."""
        origin = {
            "Id": "o",
            "DomainName": domain,
            "OriginPath": path,
            "CustomOriginConfig": {
                "HTTPPort": port,
                "HTTPSPort": 443,
                "OriginProtocolPolicy": "http-only",
            },
        }
        behavior = {
            "TargetOriginId": "o",
            "ViewerProtocolPolicy": "allow-all",
            "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
            "MinTTL": 0,
        }
        # The account of requests without a signature.
        made = self.client("cloudfront", "000000000000").create_distribution(
            DistributionConfig={
                "CallerReference": new("reference"),
                "Comment": "",
                "Enabled": True,
                "Origins": {"Quantity": 1, "Items": [origin]},
                "DefaultCacheBehavior": behavior,
            }
        )
        return str(made["Distribution"]["DomainName"]).partition(".")[0]

    def database(self) -> Any:
        """Return a MariaDB instance, one for all checks."""
        if "database" not in self.cache:
            client = self.client("rds")
            client.create_db_instance(
                DBInstanceIdentifier="one",
                DBInstanceClass="db.t4g.micro",
                Engine="mariadb",
                DBName="crm",
                MasterUsername="administrator",
                ManageMasterUserPassword=True,
                AllocatedStorage=20,
                EnableCloudwatchLogsExports=["error"],
            )
            [self.cache["database"]] = client.describe_db_instances()["DBInstances"]
        return self.cache["database"]


VERSION = {"Version": "2012-10-17"}


def policy(*statements: dict[str, Any]) -> str:
    allowed = [{"Effect": "Allow", "Resource": "*", **statement} for statement in statements]
    return json.dumps({**VERSION, "Statement": allowed})


def archive_of(name: str, text: str) -> bytes:
    """Return a zip file with one file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, text)
    return content.getvalue()


def new(kind: str) -> str:
    """Return a name that no other resource has."""
    return f"{kind}-{next(numbers)}"


def eventually(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value


def is_denied(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        # EC2 has a code of its own.
        return "Denied" in code or code == "UnauthorizedOperation"
    return False


def is_refused(call: Callable[[], Any], code: str) -> bool:
    try:
        call()
    except ClientError as error:
        return bool(error.response["Error"]["Code"] == code)
    return False


def put_rest_api(server: Server) -> bool:
    client = server.client("apigateway")
    api = client.create_rest_api(name="documented")["id"]
    document = {
        "openapi": "3.0.1",
        "info": {"title": "documented", "version": "1"},
        "paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"type": "mock"}}}},
        "x-amazon-apigateway-policy": apis.policy_for({"AWS": OTHER_ACCOUNT}),
    }
    client.put_rest_api(restApiId=api, mode="overwrite", body=json.dumps(document).encode())
    paths = [item["path"] for item in client.get_resources(restApiId=api)["items"]]
    return "/a" in paths and OTHER_ACCOUNT in client.get_rest_api(restApiId=api)["policy"]


def apis_of_any_account(server: Server) -> bool:
    return server.get(f"/_aws/execute-api/{server.mock_api(OTHER_ACCOUNT)}/s/mock") == 200


def changed_tags(server: Server) -> bool:
    client = server.client("apigateway")
    api = server.mock_api(ACCOUNT)
    arns = {
        name: f"arn:aws:apigateway:{REGION}::/restapis/{api}{name}" for name in ("", "/stages/s")
    }
    for arn in arns.values():
        client.tag_resource(resourceArn=arn, tags={"kept": "1", "removed": "1"})
        client.untag_resource(resourceArn=arn, tagKeys=["removed"])
    found = (client.get_rest_api(restApiId=api), client.get_stage(restApiId=api, stageName="s"))
    return all(one.get("tags") == {"kept": "1"} for one in found)


def plans_without_quota(server: Server) -> bool:
    client = server.client("apigateway")
    plan = client.create_usage_plan(name=new("plan"), throttle={"rateLimit": 1, "burstLimit": 1})
    found = client.get_usage_plan(usagePlanId=plan["id"])
    return "quota" not in found and found["throttle"]["burstLimit"] == 1


def error_names(server: Server) -> bool:
    function = server.function("raise InvalidLead('no')", top="class InvalidLead(Exception): pass")
    return bool(server.invoke(function)["errorType"] == "InvalidLead")


def lasting_environments(server: Server) -> bool:
    function = server.function("import os", "if event: raise ValueError", "return os.getpid()")
    before = server.invoke(function)
    server.invoke(function, "raise")
    return bool(server.invoke(function) == before)


def own_libraries(server: Server) -> bool:
    function = server.function(
        "import importlib.util", "return bool(importlib.util.find_spec(event))"
    )
    return server.invoke(function, "boto3") and not server.invoke(function, "ministack")


def fast_starts(server: Server) -> bool:
    def milliseconds() -> float:
        function = server.function("return 1")
        begin = time.perf_counter()
        server.invoke(function)
        return (time.perf_counter() - begin) * 1000

    return min(milliseconds() for _ in range(5)) < 150


def alias_actions(server: Server) -> bool:
    """Whether each right on one alias is enough for its call, and for no other."""
    client, function = server.client("lambda"), server.function("return 1")
    client.publish_version(FunctionName=function)
    client.create_alias(FunctionName=function, Name="live", FunctionVersion="1")

    def allowed(right: str) -> list[str]:
        own = server.client_with("lambda", {"Action": right})
        names = {"FunctionName": function, "Name": "live"}
        calls = {"lambda:GetAlias": own.get_alias, "lambda:UpdateAlias": own.update_alias}
        found = []
        for name, call in calls.items():
            try:
                call(**names)
            except ClientError:
                continue
            found.append(name)
        return found

    rights = ["lambda:GetAlias", "lambda:UpdateAlias"]
    return [allowed(right) for right in rights] == [[right] for right in rights]


def alias_weights(server: Server) -> bool:
    """Whether both versions of an alias are called, by a caller and by another service."""
    client, function = server.client("lambda"), server.function("return context.function_version")
    for number in range(2):
        client.update_function_configuration(FunctionName=function, Description=str(number))
        client.publish_version(FunctionName=function)
    client.create_alias(
        FunctionName=function,
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )

    def called(_: int) -> str:
        answer = client.invoke(FunctionName=function, Qualifier="live")
        return str(json.load(answer["Payload"]))

    arn = client.get_alias(FunctionName=function, Name="live")["AliasArn"]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": arn},
        "Output": "{% $states.result.Payload %}",
        "End": True,
    }
    machine = server.machine({"Call": task}, {"Action": "lambda:InvokeFunction"})
    by_caller = {called(number) for number in range(20)}
    with ThreadPoolExecutor() as pool:
        runs = pool.map(lambda _: server.run(machine)["output"], range(20))
    return by_caller == {"1", "2"} and {str(json.loads(run)) for run in runs} == {"1", "2"}


def version_concurrency(server: Server) -> bool:
    client, function = server.client("lambda"), server.function("import time", "time.sleep(1)")
    version = client.publish_version(FunctionName=function)["Version"]
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)

    def code(_: int) -> str | None:
        try:
            client.invoke(FunctionName=function, Qualifier=version)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return None

    with ThreadPoolExecutor() as pool:
        return "TooManyRequestsException" in pool.map(code, range(3))


def local_sites(server: Server) -> bool:
    path = f"/_aws/execute-api/{server.mock_api()}/s"
    label = server.distribution("127.0.0.1", path, server.port)
    return server.get("/mock", Host=f"{label}.cloudfront.localhost") == 200


def api_origins(server: Server) -> bool:
    domain = f"{server.mock_api()}.execute-api.{REGION}.amazonaws.com"
    label = server.distribution(domain, "/s", 80)
    return server.get("/mock", Host=f"{label}.cloudfront.net") == 200


def alarms_in_query_protocol(server: Server) -> bool:
    server.client("cloudwatch").put_metric_alarm(
        AlarmName="slow",
        Namespace="n",
        MetricName="m",
        ExtendedStatistic="p95",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    request = AWSRequest(
        "POST",
        server.endpoint,
        {"Content-Type": "application/x-www-form-urlencoded"},
        b"Action=DescribeAlarms&Version=2010-08-01",
    )
    SigV4Auth(Credentials(ACCOUNT, "test"), "monitoring", REGION).add_auth(request)
    asked = urllib.request.Request(server.endpoint, request.data, dict(request.headers))
    with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
        text = answer.read().decode()
    return "<TreatMissingData>notBreaching" in text and "<Statistic>" not in text


def alarm_metrics(server: Server) -> bool:
    """An alarm has its own metrics only, may be one of an expression, and notifies the bus."""
    client, stem = server.client("cloudwatch"), new("alarm")
    sqs, events, name = server.client("sqs"), server.client("events"), new("changes")
    allow = policy({"Action": "sqs:*", "Principal": "*"})
    queue = sqs.create_queue(QueueName=name, Attributes={"Policy": allow})["QueueUrl"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.cloudwatch"]}))
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    common = {
        "EvaluationPeriods": 1,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    for place in ("here", "there"):
        client.put_metric_alarm(
            AlarmName=f"{stem}-{place}",
            Namespace=stem,
            MetricName="failed",
            Dimensions=[{"Name": "Place", "Value": place}],
            Statistic="Sum",
            Period=60,
            **common,
        )
    metric = {"Namespace": stem, "Dimensions": [{"Name": "Place", "Value": "here"}]}
    client.put_metric_alarm(
        AlarmName=f"{stem}-share",
        Metrics=[
            {"Id": "share", "Expression": "IF(failed > 1, 100 * failed / started, 0)"},
            *(
                {
                    "Id": name,
                    "MetricStat": {
                        "Metric": {**metric, "MetricName": name},
                        "Period": 60,
                        "Stat": "Sum",
                    },
                    "ReturnData": False,
                }
                for name in ("failed", "started")
            ),
        ],
        **common,
    )
    for name, value in (("failed", 6), ("started", 100)):
        client.put_metric_data(**metric_data(metric, name, value))

    def fired() -> list[str]:
        alarms = client.describe_alarms(AlarmNamePrefix=stem, StateValue="ALARM")["MetricAlarms"]
        return [alarm["AlarmName"] for alarm in alarms]

    has_fired = eventually(lambda: fired() == [f"{stem}-here", f"{stem}-share"])
    return bool(has_fired and eventually(lambda: sqs.receive_message(QueueUrl=queue)["Messages"]))


def rights_of_alarms(server: Server) -> bool:
    """Whether an alarm notifies the topics whose policies let it, by default and by its ARN."""
    client, sns, sqs = (server.client(name) for name in ("cloudwatch", "sns", "sqs"))
    alarm, heard = new("alarm"), {}
    queue = new("queue")
    url = sqs.create_queue(
        QueueName=queue,
        Attributes={"Policy": policy({"Action": "sqs:*", "Principal": "*"})},
    )["QueueUrl"]
    source = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm"
    for name in ("default", alarm, "another"):
        statement = {
            "Action": "sns:Publish",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Condition": {
                "ArnLike": {"aws:SourceArn": f"{source}:{name}"},
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
            },
        }
        attributes = {} if name == "default" else {"Policy": policy(statement)}
        topic = sns.create_topic(Name=new("topic"), Attributes=attributes)["TopicArn"]
        endpoint = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
        heard[topic] = name
    client.put_metric_alarm(
        AlarmName=alarm,
        Namespace="n",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=list(heard),
    )
    client.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="tried")
    found: set[str] = set()
    for _ in heard:
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
        found |= {heard[json.loads(message["Body"])["TopicArn"]] for message in messages}
    return found == {"default", alarm}


def metric_data(metric: dict[str, Any], name: str, value: float) -> dict[str, Any]:
    """Return the arguments of ``PutMetricData`` for one point."""
    point = {"MetricName": name, "Dimensions": metric["Dimensions"], "Value": value}
    return {"Namespace": metric["Namespace"], "MetricData": [point]}


def log_group(server: Server, *lines: str) -> str:
    """Return a log group with some lines."""
    client, group = server.client("logs"), new("group")
    client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="s")
    if lines:
        write(server, group, *lines)
    return group


def write(server: Server, group: str, *lines: str) -> None:
    """Write lines to a log group."""
    now = round(time.time() * 1000)
    server.client("logs").put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": now, "message": line} for line in lines],
    )


def json_patterns(server: Server) -> bool:
    group = log_group(server, '{"error": "Wrong"}', '{"error": "Other"}', "text")
    found = server.client("logs").filter_log_events(
        logGroupName=group, filterPattern='{ $.error = * && $.error != "Wr*" }'
    )
    return [event["message"] for event in found["events"]] == ['{"error": "Other"}']


def metric_filters(server: Server) -> bool:
    group = log_group(server)
    server.client("logs").put_metric_filter(
        logGroupName=group,
        filterName="f",
        filterPattern='{ $.error = "Wrong" }',
        metricTransformations=[
            {"metricNamespace": group, "metricName": "wrong", "metricValue": "1"}
        ],
    )
    write(server, group, '{"error": "Wrong"}', '{"error": "Wrong"}', '{"error": "Other"}')
    return sum_of(server, group, "wrong") == 2


def sum_of(server: Server, namespace: str, name: str, **dimensions: str) -> float:
    """Return the sum of a metric in the last hour."""
    now = time.time()
    found = server.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - 3600,
        EndTime=now + 60,
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def json_logs(server: Server) -> bool:
    name = server.function("raise KeyError('lost')", LoggingConfig={"LogFormat": "JSON"})
    server.invoke(name)
    found = server.client("logs").filter_log_events(
        logGroupName=f"/aws/lambda/{name}", filterPattern='{ $.errorType = "KeyError" }'
    )
    lines = [event["message"] for event in found["events"]]
    return len(lines) == 1 and bool(json.loads(lines[0])["stackTrace"])


def rights_of_function_logs(server: Server) -> bool:
    names = [server.function("print('a line')", may_log=may_log) for may_log in (False, True)]
    for name in names:
        server.invoke(name)
    groups = [f"/aws/lambda/{name}" for name in names]
    found = server.client("logs").describe_log_groups()["logGroups"]
    return [group in {one["logGroupName"] for one in found} for group in groups] == [False, True]


def rights_of_machine_logs(server: Server) -> bool:
    place = {"logGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{log_group(server)}:*"}
    settings = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": place}]}
    states = {"Done": {"Type": "Succeed"}}
    server.machine(states, WRITE_LOGS, loggingConfiguration=settings)
    return is_denied(lambda: server.machine(states, loggingConfiguration=settings))


def metrics_of_calls(server: Server) -> bool:
    """A call of a state machine counts as one."""
    name = server.function("raise KeyError('lost')")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": name},
        "End": True,
    }
    server.run(server.machine({"Call": task}, {"Action": "lambda:InvokeFunction"}))
    return [
        sum_of(server, "AWS/Lambda", metric, FunctionName=name)
        for metric in ("Invocations", "Errors")
    ] == [1, 1]


def execution_metrics(server: Server) -> bool:
    machine = server.machine({"Fail": {"Type": "Fail", "Error": "Wrong"}})
    server.run(machine)
    return [
        sum_of(server, "AWS/States", f"Executions{metric}", StateMachineArn=machine)
        for metric in ("Started", "Failed", "Succeeded")
    ] == [1, 1, 0]


def execution_log(server: Server) -> bool:
    """The log has every event, and personal data only if it was asked for."""
    states = {
        "Pass": {"Type": "Pass", "Output": "secret", "Next": "Fail"},
        "Fail": {"Type": "Fail", "Error": "Wrong"},
    }
    found = {}
    for has_data in (False, True):
        group = log_group(server)
        place = {"logGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"}
        settings = {
            "level": "ALL",
            "includeExecutionData": has_data,
            "destinations": [{"cloudWatchLogsLogGroup": place}],
        }
        machine = server.machine(states, WRITE_LOGS, loggingConfiguration=settings)
        server.run(machine)
        events = server.client("logs").filter_log_events(logGroupName=group)["events"]
        found[has_data] = [json.loads(event["message"]) for event in events]
    return bool(
        [line["type"] for line in found[False]]
        == [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "FailStateEntered",
            "ExecutionFailed",
        ]
        and found[False][-1]["details"]["error"] == "Wrong"
        and ["secret" in json.dumps(lines) for lines in found.values()] == [False, True]
    )


def firewall(server: Server, limit: int) -> str:
    """Return the ARN of a web ACL that takes so many requests of an address."""
    metrics = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False}
    bound = {"Limit": limit, "AggregateKeyType": "IP", "EvaluationWindowSec": 300}
    answer = {"ResponseCode": 429, "CustomResponseBodyKey": "busy"}
    made = server.client("wafv2").create_web_acl(
        Name=new("firewall"),
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig={**metrics, "MetricName": "m"},
        CustomResponseBodies={"busy": {"Content": "busy", "ContentType": "TEXT_PLAIN"}},
        Rules=[
            {
                "Name": "rate",
                "Priority": 1,
                "Statement": {"RateBasedStatement": bound},
                "Action": {"Block": {"CustomResponse": answer}},
                "VisibilityConfig": {**metrics, "MetricName": "m"},
            }
        ],
    )
    return str(made["Summary"]["ARN"])


def rate_rules(server: Server) -> bool:
    api = server.mock_api()
    stage = f"arn:aws:apigateway:{REGION}::/restapis/{api}/stages/s"
    server.client("wafv2").associate_web_acl(WebACLArn=firewall(server, 10), ResourceArn=stage)
    answers = [server.get(f"/_aws/execute-api/{api}/s/mock") for _ in range(11)]
    return answers == [*[200] * 10, 429]


def custom_response_bodies(server: Server) -> bool:
    arn = firewall(server, 100)
    name, identifier = arn.split("/")[-2:]
    found = server.client("wafv2").get_web_acl(Name=name, Id=identifier, Scope="REGIONAL")
    return bool(found["WebACL"]["CustomResponseBodies"]["busy"]["Content"] == "busy")


def leading_keys(server: Server) -> bool:
    server.client("dynamodb").create_table(
        TableName="keys",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    keys = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["own"]}}
    client = server.client_with("dynamodb", {"Action": "dynamodb:PutItem", "Condition": keys})
    client.put_item(TableName="keys", Item={"k": {"S": "own"}})
    return is_denied(lambda: client.put_item(TableName="keys", Item={"k": {"S": "other"}}))


def endpoint_fields(server: Server) -> bool:
    client = server.client("ec2")
    vpc = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = client.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    client.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{REGION}.sqs",
        VpcEndpointType="Interface",
        SecurityGroupIds=[group],
        PrivateDnsEnabled=True,
        PolicyDocument='{"Statement": "mine"}',
    )
    [found] = client.describe_vpc_endpoints()["VpcEndpoints"]
    groups = [each["GroupId"] for each in found.get("Groups", [])]
    kept = found.get("PolicyDocument"), found.get("PrivateDnsEnabled"), groups
    return kept == ('{"Statement": "mine"}', True, [group])


def flow_log_fields(server: Server) -> bool:
    client = server.client("ec2")
    vpc = client.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    client.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName="flows",
        DeliverLogsPermissionArn="arn:aws:iam::1:role/r",
        MaxAggregationInterval=60,
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "k", "Value": "v"}]}],
    )
    [found] = client.describe_flow_logs()["FlowLogs"]
    kept = found.get("DeliverLogsPermissionArn"), found.get("MaxAggregationInterval")
    return kept == ("arn:aws:iam::1:role/r", 60) and found["Tags"] == [{"Key": "k", "Value": "v"}]


def fourth_zone(server: Server) -> bool:
    return len(server.client("ec2").describe_availability_zones()["AvailabilityZones"]) > 3


def default_network(server: Server) -> bool:
    ec2 = server.client("ec2")
    made = ec2.create_vpc(CidrBlock="10.9.0.0/24")["Vpc"]["VpcId"]
    wanted = [{"Name": "isDefault", "Values": ["true"]}]
    found = [vpc["VpcId"] for vpc in ec2.describe_vpcs(Filters=wanted)["Vpcs"]]
    return len(found) == 1 and made not in found


def encoded_versions(server: Server) -> bool:
    s3, key = server.client("s3"), "a+b c%20d 'ü'"
    s3.create_bucket(Bucket="encoded")
    s3.put_object(Bucket="encoded", Key=key, Body=b"1")
    # boto3 decodes what it asked for itself alone.
    found = s3.list_object_versions(Bucket="encoded", EncodingType="url")
    keys = [version["Key"] for version in found["Versions"]]
    return (found.get("EncodingType"), keys) == ("url", [urllib.parse.quote(key)])


def log_group_targets(server: Server) -> bool:
    logs, events = server.client("logs"), server.client("events")
    logs.create_log_group(logGroupName="/events")
    events.put_rule(Name="logged", EventPattern='{"source": ["logged"]}')
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/events"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{arn}:*",
    }
    logs.put_resource_policy(
        policyName="events", policyDocument=json.dumps({**VERSION, "Statement": [statement]})
    )
    events.put_targets(Rule="logged", Targets=[{"Id": "t", "Arn": arn}])
    events.put_events(Entries=[{"Source": "logged", "DetailType": "d", "Detail": "{}"}])
    return bool(eventually(lambda: logs.filter_log_events(logGroupName="/events")["events"], 2))


def named_executions(server: Server) -> bool:
    machine = server.machine({"Pass": {"Type": "Pass", "End": True}})
    events, machines = server.client("events"), server.client("stepfunctions")
    role = server.role("events", {"Action": "states:StartExecution"})
    events.put_rule(Name="started", EventPattern='{"source": ["started"]}')
    events.put_targets(Rule="started", Targets=[{"Id": "t", "Arn": machine, "RoleArn": role}])
    entry = {"Source": "started", "DetailType": "d", "Detail": "{}"}
    event = events.put_events(Entries=[entry])["Entries"][0]["EventId"]
    found = eventually(lambda: machines.list_executions(stateMachineArn=machine)["executions"])
    return bool(found[0]["name"].startswith(event))


def rule_to(server: Server, target: str, source: str, **more: Any) -> str:
    """Make a rule for the events of a source, and return its ARN."""
    events, name = server.client("events"), new("rule")
    pattern = json.dumps({"source": [source]})
    arn = events.put_rule(Name=name, EventPattern=pattern)["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": target, **more}])
    return str(arn)


def queue_of_rules(server: Server) -> tuple[str, str]:
    """Make a queue that takes messages of this account's rules; return its URL and ARN."""
    sqs, name = server.client("sqs"), new("queue")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/*"}},
    }
    url = sqs.create_queue(
        QueueName=name,
        Attributes={"Policy": json.dumps({**VERSION, "Statement": [statement]})},
    )["QueueUrl"]
    return url, arn


def put_event(server: Server, source: str) -> None:
    entry = {"Source": source, "DetailType": "d", "Detail": "{}"}
    server.client("events").put_events(Entries=[entry])


def rights_of_targets(server: Server) -> bool:
    pass_on = {"Pass": {"Type": "Pass", "End": True}}
    source, machine = new("source"), server.machine(pass_on, publish=True)
    states = server.client("stepfunctions")
    described = states.list_state_machine_versions(stateMachineArn=machine)
    version = described["stateMachineVersions"][0]["stateMachineVersionArn"]
    alias = states.create_state_machine_alias(
        name="live",
        routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}],
    )["stateMachineAliasArn"]
    right = {"Action": "states:StartExecution", "Resource": machine}
    for statements in ([], [right]):
        rule_to(server, alias, source, RoleArn=server.role("events", *statements))
    url, open_to_rules = queue_of_rules(server)
    rule_to(server, open_to_rules, source)
    closed = server.client("sqs").create_queue(QueueName=new("queue"))["QueueUrl"]
    rule_to(server, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{closed.rpartition('/')[2]}", source)

    put_event(server, source)
    sqs = server.client("sqs")
    received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)
    executions = states.list_executions(stateMachineArn=machine)
    assert len(received["Messages"]) == 1
    unsent = "Messages" not in sqs.receive_message(QueueUrl=closed)
    return bool(len(executions["executions"]) == 1 and unsent)


def undelivered_events(server: Server) -> bool:
    source, (url, queue) = new("source"), queue_of_rules(server)
    missing = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{new('missing')}"
    no_bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{new('missing')}"
    machine = server.machine({"Pass": {"Type": "Pass", "End": True}})
    bus = server.client("events").create_event_bus(Name=new("bus"))["EventBusArn"]
    kept = {"DeadLetterConfig": {"Arn": queue}}
    rules = [
        rule_to(server, missing, source, RoleArn=server.role("events"), **kept),
        rule_to(server, no_bus, source, RoleArn=server.role("events"), **kept),
        rule_to(server, machine, source, RoleArn=server.role("events"), **kept),
        rule_to(server, bus, source, RoleArn=server.role("events"), **kept),
    ]

    put_event(server, source)
    letters = letters_of(server, url, len(rules))
    codes = ["NO_RESOURCE"] * 2 + ["NO_PERMISSIONS"] * 2
    return {rule: letters[rule]["ERROR_CODE"] for rule in rules} == dict(
        zip(rules, codes, strict=True)
    )


def letters_of(server: Server, url: str, count: int) -> dict[str, dict[str, str]]:
    """Return the attributes of so many messages of a dead-letter queue, by the rule's ARN."""
    found: dict[str, dict[str, str]] = {}
    sqs = server.client("sqs")
    for _ in range(count):
        for message in sqs.receive_message(
            QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=2
        ).get("Messages", []):
            assert json.loads(message["Body"])["detail-type"] == "d"
            texts = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
            found[texts["RULE_ARN"]] = texts
    return found


class Busy(BaseHTTPRequestHandler):
    """Answers 503 to all requests for ``/down``, and to the first two for ``/busy``."""

    calls: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        is_down = self.path == "/down" or self.calls.count(self.path) < 2
        self.calls.append(self.path)
        self.send_response(503 if is_down else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Leave the output to the tests."""


def retries_of_rules(server: Server) -> bool:
    """Whether a delivery is repeated by the policy, and one that cannot succeed is not."""
    events, source, (url, queue) = server.client("events"), new("source"), queue_of_rules(server)
    kept = {"DeadLetterConfig": {"Arn": queue}}
    connection = events.create_connection(
        Name=new("connection"),
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "secret"}},
    )["ConnectionArn"]
    role = server.role("events", {"Action": "events:InvokeApiDestination"})
    Busy.calls.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as busy:
        threading.Thread(target=busy.serve_forever, daemon=True).start()
        rules: dict[str, tuple[str, str]] = {}
        for path in ("/busy", "/down"):
            destination = events.create_api_destination(
                Name=new("destination"),
                ConnectionArn=connection,
                InvocationEndpoint=f"http://127.0.0.1:{busy.server_port}{path}",
                HttpMethod="POST",
            )["ApiDestinationArn"]
            policy = {"MaximumRetryAttempts": 1 if path == "/down" else 3}
            rule = rule_to(server, destination, source, RoleArn=role, RetryPolicy=policy, **kept)
            if path == "/down":
                rules[rule] = ("SDK_CLIENT_ERROR", "1")
        for service, kind in (("lambda", "function:"), ("sqs", ""), ("sns", "")):
            missing = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}{new('missing')}"
            rules[rule_to(server, missing, source, **kept)] = ("NO_RESOURCE", "0")

        put_event(server, source)
        letters = letters_of(server, url, len(rules))
        called = eventually(lambda: Busy.calls.count("/busy") == 3)
        busy.shutdown()
    found = {rule: (one["ERROR_CODE"], one["RETRY_ATTEMPTS"]) for rule, one in letters.items()}
    return bool(called and Busy.calls.count("/down") == 2 and found == rules)


def repeated_events(server: Server) -> bool:
    """Whether a function that fails on an event gets it twice more, and its destination then."""
    source, failed, client = new("source"), streams.Queue(server), server.client("lambda")
    seen = streams.Queue(server)
    name = streams.function(server, "keys = 1", seen.send("keys"), "raise ValueError('always')")
    client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": failed.arn}}
    )
    rule = rule_to(server, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}", source)
    client.add_permission(
        FunctionName=name,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    put_event(server, source)
    [record] = failed.receive(1, 12) or [{}]
    payload = record.get("requestPayload", {})
    return seen.receive(3) == [1, 1, 1] and payload.get("source") == source


def boundaries(server: Server) -> bool:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    server.client("iam").create_policy(
        PolicyName="boundary", PolicyDocument=policy({"Action": "s3:GetObject"})
    )
    condition = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    client = server.client_with("iam", {"Action": "iam:CreateRole", "Condition": condition})
    client.create_role(
        RoleName=new("role"), AssumeRolePolicyDocument="{}", PermissionsBoundary=boundary
    )
    return is_denied(
        lambda: client.create_role(RoleName=new("role"), AssumeRolePolicyDocument="{}")
    )


def tag_rights(server: Server) -> bool:
    allowed = {"Action": "ec2:CreateSecurityGroup"}
    made = {"StringEquals": {"aws:RequestTag/own": "1"}, "Null": {"aws:TagKeys": "false"}}
    found = {"StringEquals": {"aws:ResourceTag/own": "1"}}
    changed = {"Action": "ec2:CreateTags", "Resource": "arn:aws:ec2:*:*:security-group/*"}
    client = server.client_with(
        "ec2", {**allowed, "Condition": made}, {**changed, "Condition": found}
    )

    def group(maker: Any, value: str) -> str:
        tags = {"ResourceType": "security-group", "Tags": [{"Key": "own", "Value": value}]}
        name = new("group")
        answer = maker.create_security_group(
            GroupName=name, Description=name, TagSpecifications=[tags]
        )
        return str(answer["GroupId"])

    more = [{"Key": "more", "Value": "1"}]
    client.create_tags(Resources=[group(client, "1")], Tags=more)
    other = group(server.client("ec2"), "2")
    return is_denied(lambda: group(client, "2")) and is_denied(
        lambda: client.create_tags(Resources=[other], Tags=more)
    )


def tags_of_new_keys(server: Server) -> bool:
    create = {"Action": "kms:CreateKey"}
    tag = {"Action": "kms:TagResource"}
    tags = [{"TagKey": "own", "TagValue": "1"}]
    server.client_with("kms", create).create_key()
    server.client_with("kms", create, tag).create_key(Tags=tags)
    clients = [
        server.client_with("kms", create),
        server.client_with("kms", create, {**tag, "Resource": "arn:aws:kms:*:*:key/*"}),
    ]
    return all(is_denied(partial(client.create_key, Tags=tags)) for client in clients)


def role_arns(server: Server) -> bool:
    condition = {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}}
    role = server.role("lambda", {"Action": "sqs:ListQueues", "Condition": condition})
    answer = server.client("sts").assume_role(RoleArn=role, RoleSessionName="session")
    keys = answer["Credentials"]
    client = server.client(
        "sqs",
        keys["AccessKeyId"],
        keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    return "ResponseMetadata" in client.list_queues()


def resources(server: Server) -> bool:
    place = f"arn:aws:glue:{REGION}:{ACCOUNT}"
    name = new("sales")
    server.client("glue").create_database(DatabaseInput={"Name": name})
    found = [f"{place}:{part}" for part in ("catalog", f"database/{name}", f"table/{name}/leads")]

    def refused_with(*granted: str) -> bool:
        client = server.client_with("glue", {"Action": "glue:GetTable", "Resource": [*granted]})
        return is_denied(lambda: client.get_table(DatabaseName=name, Name="leads"))

    # With all rights, the answer is that there is no such table.
    return not refused_with(*found) and all(
        refused_with(*(arn for arn in found if arn != missing)) for missing in found
    )


def filter_pages(server: Server) -> bool:
    client, at = server.client("logs"), int(time.time() * 1000)
    client.create_log_group(logGroupName="/pages")
    client.create_log_stream(logGroupName="/pages", logStreamName="s")
    lines = [{"timestamp": at + n, "message": str(n)} for n in range(3)]
    client.put_log_events(logGroupName="/pages", logStreamName="s", logEvents=lines)
    found: list[str] = []
    asked: dict[str, Any] = {"logGroupName": "/pages", "limit": 1}
    for _ in range(5):
        page = client.filter_log_events(**asked)
        found += [event["message"] for event in page["events"]]
        if "nextToken" not in page:
            break
        asked["nextToken"] = page["nextToken"]
    return found == ["0", "1", "2"]


def real_servers(server: Server) -> bool:
    place = server.database()["Endpoint"]
    with socket.create_connection(("127.0.0.1", place["Port"]), timeout=SECONDS) as connection:
        return b"MariaDB" in connection.recv(100)


def managed_passwords(server: Server) -> bool:
    arn = server.database()["MasterUserSecret"]["SecretArn"]
    value = server.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    return bool(json.loads(value)["username"] == "administrator")


def instance_fields(server: Server) -> bool:
    return bool(server.database().get("EnabledCloudwatchLogsExports") == ["error"])


def major_upgrades(server: Server) -> bool:
    client, name = server.client("rds"), server.database()["DBInstanceIdentifier"]
    return is_refused(
        lambda: client.modify_db_instance(
            DBInstanceIdentifier=name, EngineVersion="11.8", ApplyImmediately=True
        ),
        "InvalidParameterCombination",
    )


def other_instance(server: Server, **more: Any) -> str:
    """Create an instance that needs no server; return its name."""
    name = new("instance")
    server.client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        MasterUsername="administrator",
        MasterUserPassword="administrator",
        AllocatedStorage=20,
        **more,
    )
    return name


def used_groups(server: Server) -> bool:
    client, group = server.client("rds"), new("group")
    client.create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily="postgres16", Description="d"
    )
    other_instance(server, DBParameterGroupName=group)
    return is_refused(
        lambda: client.delete_db_parameter_group(DBParameterGroupName=group),
        "InvalidDBParameterGroupState",
    )


def backup_copies(server: Server) -> bool:
    source, region = server.database()["DBInstanceArn"], "us-west-2"
    client = server.client("rds", region=region)
    try:
        made = client.start_db_instance_automated_backups_replication(
            SourceDBInstanceArn=source, SourceRegion=REGION
        )
    except ClientError:
        return False
    arn = made["DBInstanceAutomatedBackup"]["DBInstanceAutomatedBackupsArn"]
    return f":rds:{region}:" in arn


def snapshot_names(server: Server) -> bool:
    client, name, snapshot = server.client("rds"), other_instance(server), new("snapshot")
    client.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)
    return is_refused(
        lambda: client.delete_db_instance(
            DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=snapshot
        ),
        "DBSnapshotAlreadyExists",
    )


def conditional_writes(server: Server) -> bool:
    server.client("s3").create_bucket(Bucket="conditional")
    condition = {"StringEquals": {"s3:if-none-match": "*"}}
    client = server.client_with("s3", {"Action": "s3:PutObject", "Condition": condition})
    client.put_object(Bucket="conditional", Key="k", Body=b"", IfNoneMatch="*")
    return is_denied(lambda: client.put_object(Bucket="conditional", Key="l", Body=b""))


def rights_on_tags(server: Server) -> bool:
    bucket, tagging = new("bucket"), {"Action": "s3:PutObjectTagging"}
    server.client("s3").create_bucket(Bucket=bucket)
    objects = {"Action": ["s3:GetObject", "s3:PutObject"]}
    both = server.client_with("s3", objects, tagging)
    one = server.client_with("s3", objects)
    reads = server.client_with("s3", objects, tagging, {"Action": "s3:GetObjectTagging"})
    place = {"Bucket": bucket, "Key": "a"}
    copy = {"Bucket": bucket, "Key": "b", "CopySource": place}

    one.put_object(**place)
    one.copy_object(**copy)
    both.put_object(**place, Tagging="a=b")
    reads.copy_object(**copy)
    both.copy_object(**copy, TaggingDirective="REPLACE", Tagging="c=d")
    calls: tuple[Callable[[], Any], ...] = (
        lambda: one.put_object(**place, Tagging="a=b"),
        lambda: one.create_multipart_upload(**place, Tagging="a=b"),
        lambda: one.copy_object(**copy),
        lambda: both.copy_object(**copy),
        lambda: one.copy_object(**copy, TaggingDirective="REPLACE", Tagging="c=d"),
    )
    return all(is_denied(call) for call in calls)


def missing_objects(server: Server) -> bool:
    bucket = new("bucket")
    server.client("s3").create_bucket(Bucket=bucket)
    server.client("s3").put_object(Bucket=bucket, Key="here")
    reads = {"Action": ["s3:GetObject", "s3:GetObjectTagging"]}
    lists = {"Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    one, both = server.client_with("s3", reads), server.client_with("s3", reads, lists)
    one.get_object(Bucket=bucket, Key="here")
    missing = {"Bucket": bucket, "Key": "missing"}
    calls = ("get_object", "head_object", "get_object_tagging")
    known = [
        is_refused(lambda call=call: getattr(both, call)(**missing), code)  # type: ignore[misc]
        for call, code in zip(calls, ("NoSuchKey", "404", "NoSuchKey"), strict=True)
    ]
    refused = [
        is_refused(lambda call=call: getattr(one, call)(**missing), code)  # type: ignore[misc]
        for call, code in zip(calls, ("AccessDenied", "403", "AccessDenied"), strict=True)
    ]
    return all(known + refused)


def senders(server: Server) -> bool:
    server.client("sesv2").create_email_identity(EmailIdentity="example.com")
    identity = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/example.com"
    client = server.client_with("sesv2", {"Action": "ses:SendEmail", "Resource": identity})
    mail = {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}
    answer = client.send_email(
        FromEmailAddress="a@example.com",
        Destination={"ToAddresses": ["b@example.com"]},
        Content={"Simple": mail},
    )
    return "MessageId" in answer


def tracing(server: Server) -> bool:
    passed = {"Pass": {"Type": "Pass", "End": True}}
    machine = server.machine(passed, tracingConfiguration={"enabled": True})
    found = server.client("stepfunctions").describe_state_machine(stateMachineArn=machine)
    return bool(found.get("tracingConfiguration", {}).get("enabled"))


def succeed_output(server: Server) -> bool:
    ended = server.run(server.machine({"End": {"Type": "Succeed", "Output": "{% 1 + 1 %}"}}))
    return bool(ended["output"] == "2")


def alias_rights(server: Server) -> bool:
    machine = server.machine({"Pass": {"Type": "Pass", "End": True}})
    root = server.client("stepfunctions")
    version = root.publish_state_machine_version(stateMachineArn=machine)
    route = {"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}
    alias = root.create_state_machine_alias(name="live", routingConfiguration=[route])
    actions = ["states:StartExecution", "states:DescribeStateMachineAlias"]
    client = server.client_with("stepfunctions", {"Action": actions, "Resource": machine})
    arn = alias["stateMachineAliasArn"]
    described = client.describe_state_machine_alias(stateMachineAliasArn=arn)
    return described["name"] == "live" and "executionArn" in client.start_execution(
        stateMachineArn=arn
    )


def role_of_task(server: Server) -> bool:
    def put(*statements: dict[str, Any]) -> Any:
        server.client("s3").create_bucket(Bucket="tasks")
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
            "Arguments": {"Bucket": "tasks", "Key": "k", "Body": "text"},
            "End": True,
        }
        return server.run(server.machine({"Put": task}, *statements))

    refused, done = put(), put({"Action": "s3:PutObject"})
    return bool("AccessDenied" in refused.get("error", "") and done["status"] == "SUCCEEDED")


def trust_of_machines(server: Server) -> bool:
    """Whether a role must trust a state machine when it is made, changed and run."""
    iam, client = server.client("iam"), server.client("stepfunctions")
    source = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine"
    trusted = server.role("states", {"Action": "sqs:ListQueues"})
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "states.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }

    def trust(*names: str) -> None:
        condition = {
            "ArnLike": {"aws:SourceArn": [f"{source}:{name}" for name in names]},
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
        }
        document = {**VERSION, "Statement": [{**statement, "Condition": condition}]}
        iam.update_assume_role_policy(
            RoleName=trusted.rpartition("/")[2], PolicyDocument=json.dumps(document)
        )

    state = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues", "End": True}
    definition = json.dumps(
        {"QueryLanguage": "JSONata", "StartAt": "List", "States": {"List": state}}
    )
    name = new("machine")
    made = {"name": name, "definition": definition}
    trust(name)
    refused = [
        is_denied(lambda: client.create_state_machine(**made, roleArn=server.role("lambda"))),
        is_denied(
            lambda: client.create_state_machine(
                name=new("machine"), definition=definition, roleArn=trusted
            )
        ),
    ]
    machine = client.create_state_machine(**made, roleArn=trusted)["stateMachineArn"]
    refused.append(
        is_denied(
            lambda: client.update_state_machine(
                stateMachineArn=machine, roleArn=server.role("events")
            )
        )
    )
    before = server.run(machine)["status"]
    trust("another")
    after = server.run(machine)
    ends = (before, after["status"], after.get("error"))
    return all(refused) and ends == ("SUCCEEDED", "FAILED", "States.Permissions")


def trust_of_functions(server: Server) -> bool:
    client, refusal = server.client("lambda"), "InvalidParameterValueException"
    made = {
        "Runtime": "python3.12",
        "Handler": "m.h",
        "Code": {"ZipFile": archive_of("m.py", "def h(event, context): pass")},
    }
    name = new("function")
    client.create_function(FunctionName=name, Role=server.role("lambda"), **made)
    other = server.role("states")
    return is_refused(
        lambda: client.create_function(FunctionName=new("function"), Role=other, **made), refusal
    ) and is_refused(
        lambda: client.update_function_configuration(FunctionName=name, Role=other), refusal
    )


def rights_of_functions(server: Server) -> bool:
    function = server.function("return event")
    states = {
        "Invoke": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": function, "Payload": {"n": 1}},
            "End": True,
        }
    }
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    other = server.run(server.machine(states, {"Action": "lambda:InvokeFunction", "Resource": "x"}))
    done = server.run(server.machine(states, {"Action": "lambda:InvokeFunction", "Resource": arn}))
    assert json.loads(done["output"])["Payload"] == {"n": 1}
    return bool(other.get("error") == "Lambda.AWSLambdaException" and arn in other["cause"])


def rights_of_nested(server: Server) -> bool:
    child = server.machine({"Pass": {"Type": "Pass", "End": True}})
    executions = child.replace(":stateMachine:", ":execution:") + ":*"
    rights: list[dict[str, Any]] = [
        {"Action": "states:StartExecution", "Resource": child},
        {"Action": ["states:DescribeExecution", "states:StopExecution"], "Resource": executions},
        {
            "Action": ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
            "Resource": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/"
            "StepFunctionsGetEventsForStepFunctionsExecutionRule",
        },
    ]
    states = {
        "Start": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Arguments": {"StateMachineArn": child, "Input": {"n": 1}},
            "End": True,
        }
    }
    done = server.run(server.machine(states, *rights))
    assert json.loads(done["output"])["Output"] == {"n": 1}
    without = [[right for right in rights if right is not left] for left in rights]
    refused = [server.run(server.machine(states, *fewer)).get("error") for fewer in without]
    return refused == ["StepFunctions.AWSStepFunctionsException"] * 3


def sdk_services(server: Server) -> bool:
    states = {
        "Group": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:scheduler:createScheduleGroup",
            "Arguments": {"Name": new("group")},
            "End": True,
        }
    }
    right = {"Action": "scheduler:CreateScheduleGroup"}
    refused, done = server.run(server.machine(states)), server.run(server.machine(states, right))
    again = server.run(server.machine(states, right))
    if "ScheduleGroupArn" not in json.loads(done.get("output") or "{}"):
        return False
    assert again["error"] == "Scheduler.ConflictException"
    # The service's model has no such error.
    return bool(refused["error"] == "Scheduler.SchedulerException")


def sdk_names(server: Server) -> bool:
    states = {
        "Instances": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:rds:describeDBInstances",
            "Arguments": {"DbInstanceIdentifier": "unknown"},
            "End": True,
        }
    }
    ended = server.run(server.machine(states, {"Action": "rds:DescribeDBInstances"}))
    return bool(ended.get("error") == "Rds.DbInstanceNotFoundException")


def jobs(server: Server) -> bool:
    results = new("results")
    server.client("s3").create_bucket(Bucket=results)
    states = {
        "Query": {
            "Type": "Task",
            "Resource": "arn:aws:states:::athena:startQueryExecution.sync",
            "Arguments": {
                "QueryString": "SELECT 1",
                "ResultConfiguration": {"OutputLocation": f"s3://{results}/"},
            },
            "End": True,
        }
    }
    # A query writes its result with the rights of its caller.
    start = {"Action": ["athena:StartQueryExecution", "s3:*"]}
    unfollowed = server.run(server.machine(states, start))
    done = server.run(server.machine(states, start, {"Action": "athena:GetQueryExecution"}))
    query = json.loads(done.get("output") or "{}").get("QueryExecution") or {"Status": {}}
    return bool(
        query["Status"].get("State") == "SUCCEEDED"
        and unfollowed["error"] == "Athena.AmazonAthenaException"
        and follows_glue_jobs(server)
    )


def follows_glue_jobs(server: Server) -> bool:
    """A run of a Glue job ends its task, and is stopped with its execution."""
    glue, s3, bucket = server.client("glue"), server.client("s3"), new("scripts")
    machines = server.client("stepfunctions")
    s3.create_bucket(Bucket=bucket)

    def machine(script: str, *statements: dict[str, Any]) -> tuple[str, str]:
        name = new("job")
        s3.put_object(Bucket=bucket, Key=f"{name}.py", Body=script.encode())
        glue.create_job(
            Name=name,
            Role=server.role("glue"),
            Command={"Name": "pythonshell", "ScriptLocation": f"s3://{bucket}/{name}.py"},
        )
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::glue:startJobRun.sync",
            "Arguments": {"JobName": name},
            "End": True,
        }
        return name, server.machine({"Job": task}, *statements)

    rights = [{"Action": f"glue:{action}"} for action in ("StartJobRun", "GetJobRun")]
    stop = {"Action": "glue:BatchStopJobRun"}
    done = server.run(machine("print(1)", *rights)[1])
    failed = server.run(machine("raise SystemExit(3)", *rights)[1])
    unfollowed = server.run(machine("print(1)", rights[0])[1])
    waits, waiting = machine("import time; time.sleep(10)", *rights, stop)
    execution = machines.start_execution(stateMachineArn=waiting)["executionArn"]

    def state_of(job: str) -> Any:
        return [run["JobRunState"] for run in glue.get_job_runs(JobName=job)["JobRuns"]]

    eventually(lambda: state_of(waits) == ["RUNNING"])
    machines.stop_execution(executionArn=execution)
    return bool(
        json.loads(done["output"])["JobRunState"] == "SUCCEEDED"
        and failed["error"] == "States.TaskFailed"
        and json.loads(failed["cause"])["JobRunState"] == "FAILED"
        and unfollowed["error"] == "Glue.AccessDeniedException"
        and eventually(lambda: state_of(waits) == ["STOPPED"])
    )


def call_api(server: Server) -> bool:
    gateway = server.client("apigateway")
    made = gateway.create_rest_api(name=new("api"))["id"]
    root = gateway.get_resources(restApiId=made)["items"][0]["id"]
    say = gateway.create_resource(restApiId=made, parentId=root, pathPart="say")["id"]
    for verb, status in (("GET", "200"), ("PUT", "409")):
        method: Any = {"restApiId": made, "resourceId": say, "httpMethod": verb}
        gateway.put_method(**method, authorizationType="AWS_IAM")
        template = {"application/json": json.dumps({"statusCode": int(status)})}
        gateway.put_integration(**method, type="MOCK", requestTemplates=template)
        gateway.put_method_response(**method, statusCode=status)
        gateway.put_integration_response(
            **method, statusCode=status, selectionPattern=status, responseTemplates={}
        )
    gateway.create_deployment(restApiId=made, stageName="live")

    def call(verb: str, *statements: dict[str, Any]) -> Any:
        states = {
            "Call": {
                "Type": "Task",
                "Resource": "arn:aws:states:::apigateway:invoke",
                "Arguments": {
                    "ApiEndpoint": f"{made}.execute-api.{REGION}.amazonaws.com",
                    "Stage": "live",
                    "Path": "/say",
                    "Method": verb,
                    "AuthType": "IAM_ROLE",
                },
                "End": True,
            }
        }
        return server.run(server.machine(states, *statements))

    right = {"Action": "execute-api:Invoke"}
    done, conflict = call("GET", right), call("PUT", right)
    answer = json.loads(done.get("output") or "{}")
    return (answer.get("StatusCode"), conflict.get("error")) == (200, "ApiGateway.409")


def call_http(server: Server) -> bool:
    events = server.client("events")
    connection = events.create_connection(
        Name=new("connection"),
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "secret"}},
    )["ConnectionArn"]
    rights: list[dict[str, Any]] = [
        {"Action": "states:InvokeHTTPEndpoint", "Resource": "*"},
        {"Action": "events:RetrieveConnectionCredentials", "Resource": connection},
        {"Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]},
    ]

    def call(path: str, *statements: dict[str, Any]) -> Any:
        states = {
            "Call": {
                "Type": "Task",
                "Resource": "arn:aws:states:::http:invoke",
                "Arguments": {
                    "ApiEndpoint": f"{server.endpoint}{path}",
                    "Method": "GET",
                    "Authentication": {"ConnectionArn": connection},
                },
                "End": True,
            }
        }
        return server.run(server.machine(states, *statements))

    done = call("/_ministack/health", *rights)
    refused, missing = call("/_ministack/health", *rights[1:]), call("/_ministack/no", *rights)
    answer = json.loads(done.get("output") or "{}")
    return (answer.get("StatusCode"), refused.get("error"), missing.get("error", "")[:24]) == (
        200,
        "States.TaskFailed",
        "States.Http.StatusCode.4",
    )


def branch_history(server: Server) -> bool:
    branch = {"StartAt": "Inner", "States": {"Inner": {"Type": "Pass", "End": True}}}
    machine = server.machine({"Both": {"Type": "Parallel", "Branches": [branch], "End": True}})
    arn = server.run(machine)["executionArn"]
    events = server.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    entered = {e["stateEnteredEventDetails"]["name"]: e for e in events if "Entered" in e["type"]}
    return bool(entered["Inner"]["previousEventId"] >= entered["Both"]["id"])


def redrive(server: Server) -> bool:
    keep = {"Type": "Pass", "Assign": {"word": "kept"}, "Next": "Fail"}
    fail = {"Type": "Fail", "Error": "{% $word %}"}
    failed = server.run(server.machine({"Keep": keep, "Fail": fail}))
    client, arn = server.client("stepfunctions"), failed["executionArn"]

    def errors() -> list[str]:
        events = client.get_execution_history(executionArn=arn)["events"]
        return [e["executionFailedEventDetails"]["error"] for e in events if "Failed" in e["type"]]

    assert errors() == ["kept"]
    client.redrive_execution(executionArn=arn)
    eventually(lambda: len(errors()) == 2)
    # Its variables have the values of before.
    return errors() == ["kept", "kept"]


def versions(server: Server) -> bool:
    """Whether an alias starts both of its versions, each with its own definition."""
    client = server.client("stepfunctions")
    definitions = [
        json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": n, "End": True}}})
        for n in range(3)
    ]
    machine = server.machine({"A": {"Type": "Succeed"}})
    published = [
        client.update_state_machine(stateMachineArn=machine, definition=text, publish=True)[
            "stateMachineVersionArn"
        ]
        for text in definitions
    ]
    routes = [{"stateMachineVersionArn": arn, "weight": 50} for arn in published[:2]]
    alias = client.create_state_machine_alias(name="live", routingConfiguration=routes)
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: server.run(alias["stateMachineAliasArn"]), range(20)))
    found = {(run["output"], run.get("stateMachineVersionArn")) for run in runs}
    if found != {("0", published[0]), ("1", published[1])}:
        return False
    of_first = [run for run in runs if run["output"] == "0"]
    pages = client.get_paginator("list_executions").paginate(
        stateMachineArn=published[0], PaginationConfig={"PageSize": 2}
    )
    listed = {item["executionArn"] for page in pages for item in page["executions"]}
    return listed == {run["executionArn"] for run in of_first}


CHECKS: dict[str, Callable[[Server], bool]] = {
    check.__name__.replace("_", "-"): check
    for check in (
        put_rest_api,
        apis_of_any_account,
        changed_tags,
        plans_without_quota,
        error_names,
        lasting_environments,
        own_libraries,
        fast_starts,
        alias_actions,
        alias_weights,
        version_concurrency,
        local_sites,
        api_origins,
        alarms_in_query_protocol,
        alarm_metrics,
        rights_of_alarms,
        json_patterns,
        metric_filters,
        json_logs,
        metrics_of_calls,
        execution_metrics,
        execution_log,
        leading_keys,
        endpoint_fields,
        flow_log_fields,
        fourth_zone,
        default_network,
        log_group_targets,
        named_executions,
        rights_of_targets,
        undelivered_events,
        retries_of_rules,
        repeated_events,
        boundaries,
        tag_rights,
        tags_of_new_keys,
        role_arns,
        resources,
        rights_of_function_logs,
        rights_of_machine_logs,
        filter_pages,
        real_servers,
        managed_passwords,
        instance_fields,
        major_upgrades,
        used_groups,
        backup_copies,
        snapshot_names,
        conditional_writes,
        encoded_versions,
        rights_on_tags,
        missing_objects,
        senders,
        tracing,
        succeed_output,
        alias_rights,
        role_of_task,
        trust_of_machines,
        trust_of_functions,
        rights_of_functions,
        rights_of_nested,
        sdk_services,
        sdk_names,
        jobs,
        call_api,
        call_http,
        branch_history,
        redrive,
        versions,
        *apis.CHECKS,
        *batch.CHECKS,
        *connections.CHECKS,
        *event_sources.CHECKS,
        *executions.CHECKS,
        *streams.CHECKS,
        *resilience.CHECKS,
        *schedules.CHECKS,
        *queries.CHECKS,
        *transfers.CHECKS,
        rate_rules,
        custom_response_bodies,
    )
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The emulator with its patches."""
    folder = tmp_path_factory.mktemp("patched")
    certificates.make(folder / "certificates")
    options = (
        f"--databases={folder / 'rds'}",
        f"--certificates={folder / 'certificates'}",
        f"--express-seconds={executions.EXPRESS_SECONDS}",
    )
    with running_emulator(folder, *options) as settings:
        yield Server(settings.endpoint)


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """MiniStack as it is."""
    with running_emulator(tmp_path_factory.mktemp("unpatched"), "--unpatched") as settings:
        yield Server(settings.endpoint)


def test_each_gap_of_each_patch_has_a_check() -> None:
    named = [gap for module in patches.modules() for gap in module.GAPS]

    assert sorted(named) == sorted(CHECKS)


def test_each_patch_describes_its_gaps() -> None:
    for module in patches.modules():
        assert gaps_of(module.__doc__ or "").keys() == module.GAPS.keys(), module.__name__
        assert all(module.GAPS.values()), module.__name__


@pytest.mark.parametrize("gap", CHECKS)
def test_the_emulator_behaves_as_aws(emulator: Server, gap: str) -> None:
    assert CHECKS[gap](emulator)


@pytest.mark.parametrize("gap", CHECKS)
def test_ministack_still_has_the_gap(ministack: Server, gap: str) -> None:
    """When this fails, MiniStack has closed the gap: delete the patch and its check."""
    assert not behaves(ministack, gap)


def behaves(server: Server, gap: str) -> bool:
    try:
        return CHECKS[gap](server)
    except (BotoCoreError, ClientError, OSError, LookupError):
        # The gap shows as an error.
        return False


def test_patches_import_nothing_of_the_project_but_the_database_server() -> None:
    folder = Path(patches.__file__).parent.parent
    imported = {
        line.split()[1]
        for file in folder.rglob("*.py")
        for line in file.read_text().splitlines()
        if line.lstrip().startswith(("from ops", "import ops", "from tests", "from flowbridge"))
    }

    assert imported == {"ops.local.mariadb_server"}
