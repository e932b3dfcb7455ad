"""Each patch closes a gap that MiniStack still has.

A check returns whether a server behaves as AWS does. It must be true of the emulator, and false of
a MiniStack without patches: where it is true of both, the patch can be deleted.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from emulator import patches
from ops.local import certificates
from tests.support.emulator import running_emulator

REGION = "us-east-1"
ACCOUNT = "111111111111"
OTHER_ACCOUNT = "222222222222"
SECONDS = 5.0

numbers = count(1)


class Server:
    """A running server, with clients of its root users and of users with one policy."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.port = int(endpoint.rpartition(":")[2])
        self.cache: dict[str, Any] = {}

    def client(self, service: str, key: str = ACCOUNT, secret: str = "test", **more: Any) -> Any:
        config = Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            inject_host_prefix=False,
        )
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=REGION,
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

    def function(self, *lines: str, top: str = "") -> str:
        code = "\n".join([top, "def h(event, context):", *(f"    {line}" for line in lines)])
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("m.py", code)
        name = new("function")
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=self.role("lambda"),
            Handler="m.h",
            Code={"ZipFile": content.getvalue()},
            Timeout=20,
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


def put_rest_api(server: Server) -> bool:
    client = server.client("apigateway")
    api = client.create_rest_api(name="documented")["id"]
    document = {
        "openapi": "3.0.1",
        "info": {"title": "documented", "version": "1"},
        "paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"type": "mock"}}}},
    }
    client.put_rest_api(restApiId=api, mode="overwrite", body=json.dumps(document).encode())
    return "/a" in [item["path"] for item in client.get_resources(restApiId=api)["items"]]


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


def log_group_targets(server: Server) -> bool:
    logs, events = server.client("logs"), server.client("events")
    logs.create_log_group(logGroupName="/events")
    events.put_rule(Name="logged", EventPattern='{"source": ["logged"]}')
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/events"
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


def conditional_writes(server: Server) -> bool:
    server.client("s3").create_bucket(Bucket="conditional")
    condition = {"StringEquals": {"s3:if-none-match": "*"}}
    client = server.client_with("s3", {"Action": "s3:PutObject", "Condition": condition})
    client.put_object(Bucket="conditional", Key="k", Body=b"", IfNoneMatch="*")
    return is_denied(lambda: client.put_object(Bucket="conditional", Key="l", Body=b""))


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
    client = server.client_with(
        "stepfunctions", {"Action": "states:StartExecution", "Resource": machine}
    )
    return "executionArn" in client.start_execution(stateMachineArn=alias["stateMachineAliasArn"])


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


CHECKS: dict[str, Callable[[Server], bool]] = {
    check.__name__.replace("_", "-"): check
    for check in (
        put_rest_api,
        apis_of_any_account,
        changed_tags,
        error_names,
        lasting_environments,
        own_libraries,
        fast_starts,
        version_concurrency,
        local_sites,
        api_origins,
        alarms_in_query_protocol,
        leading_keys,
        endpoint_fields,
        flow_log_fields,
        fourth_zone,
        log_group_targets,
        named_executions,
        boundaries,
        tag_rights,
        tags_of_new_keys,
        role_arns,
        filter_pages,
        real_servers,
        managed_passwords,
        instance_fields,
        conditional_writes,
        senders,
        tracing,
        succeed_output,
        alias_rights,
        role_of_task,
        branch_history,
        redrive,
    )
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The emulator with its patches."""
    folder = tmp_path_factory.mktemp("patched")
    certificates.make(folder / "certificates")
    options = (f"--databases={folder / 'rds'}", f"--certificates={folder / 'certificates'}")
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
        for gap in module.GAPS:
            assert f"- ``{gap}``: " in (module.__doc__ or ""), f"{module.__name__}: {gap}"


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
