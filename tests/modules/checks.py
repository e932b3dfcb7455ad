"""The promises of each module's example: one function for each module, of its name."""

from __future__ import annotations

import json
from typing import Any

import requests

from ops.aws.clients import Aws
from tests.support.platform import wait_for

JsonObject = dict[str, Any]


def bucket(aws: Aws, outputs: JsonObject) -> None:
    s3, name = aws.client("s3"), outputs["name"]
    for body in (b"first", b"second"):
        s3.put_object(Bucket=name, Key="invoice", Body=body)
    versions = s3.list_object_versions(Bucket=name, Prefix="invoice")["Versions"]
    access = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]

    assert len(versions) == 2
    assert set(access.values()) == {True}


def dashboard(aws: Aws, outputs: JsonObject) -> None:
    widgets = widgets_of(aws, outputs["name"])

    assert [(w["x"], w["y"], w["width"]) for w in widgets] == [(0, 0, 24), (0, 1, 12), (12, 1, 12)]


def database(aws: Aws, outputs: JsonObject) -> None:
    secrets = aws.client("secretsmanager")
    value = json.loads(secrets.get_secret_value(SecretId=outputs["secret_arn"])["SecretString"])
    admin = secrets.describe_secret(SecretId="example-crm-admin")

    assert outputs["admin_secret_arn"] == admin["ARN"]
    assert (outputs["host"], outputs["port"]) == ("crm.example.internal", 3306)
    assert value["username"] == "flowbridge"
    assert len(value["password"]) == 32


def event_bus(aws: Aws, outputs: JsonObject) -> None:
    events, logs = aws.client("events"), aws.client("logs")
    entry = {"EventBusName": outputs["name"], "Source": "example", "DetailType": "Check"}
    answer = events.put_events(Entries=[{**entry, "Detail": '{"secret": "violet"}'}])
    event_id = answer["Entries"][0]["EventId"]

    def lines() -> list[str]:
        found = logs.filter_log_events(logGroupName=outputs["audit_log_group"])["events"]
        return [line["message"] for line in found if event_id in line["message"]]

    [line] = wait_for(lines, "the line of the audit log", 30)
    assert "violet" not in line
    archive = events.describe_archive(ArchiveName=outputs["archive_name"])
    assert (archive["State"], archive["RetentionDays"]) == ("ENABLED", 30)


def event_rule(aws: Aws, outputs: JsonObject) -> None:
    bus = outputs["event_bus_name"]
    events = [
        {"EventBusName": bus, "Source": "example.shop", "DetailType": kind, "Detail": "{}"}
        for kind in ("OrderCancelled", "OrderPlaced")
    ]
    aws.client("events").put_events(Entries=events)
    first = json.loads(received(aws, outputs["queue_url"]))
    undelivered = outputs["undelivered_queue_url"]

    assert first["detail-type"] == "OrderPlaced"
    assert waiting(aws, outputs["queue_url"]) == 0
    assert waiting(aws, undelivered) == 0


def flow_dashboard(aws: Aws, outputs: JsonObject) -> None:
    drawn = json.dumps(widgets_of(aws, outputs["name"]))

    assert '"QueueName", "example-refunds"' in drawn
    assert ":alarm:example-refunds-" in drawn


def kms_key(aws: Aws, outputs: JsonObject) -> None:
    kms = aws.client("kms")
    key = kms.describe_key(KeyId="alias/example-secrets")["KeyMetadata"]
    policy = json.loads(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])

    assert key["Arn"] == outputs["arn"]
    assert key["Enabled"]
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
    assert {s["Sid"] for s in policy["Statement"]} == {"AdministerKey", "UseThroughSecretsManager"}


def lambda_function(aws: Aws, outputs: JsonObject) -> None:
    answer = aws.client("lambda").invoke(
        FunctionName=outputs["name"], Qualifier=outputs["alias"], Payload='{"name": "Ada"}'
    )

    assert json.load(answer["Payload"]) == {"greeting": "Hello, Ada!"}


def network(aws: Aws, outputs: JsonObject) -> None:
    ec2 = aws.client("ec2")
    here = [{"Name": "vpc-id", "Values": [outputs["vpc_id"]]}]
    subnets = ec2.describe_subnets(Filters=here)["Subnets"]
    endpoints = ec2.describe_vpc_endpoints(Filters=here)["VpcEndpoints"]
    gateways = ec2.describe_internet_gateways()["InternetGateways"]

    assert {subnet["SubnetId"] for subnet in subnets} == {*outputs["subnet_ids"]}
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    assert {endpoint["ServiceName"].rpartition(".")[2] for endpoint in endpoints} == {
        "dynamodb",
        "s3",
        "secretsmanager",
    }
    attached = [vpc["VpcId"] for gateway in gateways for vpc in gateway["Attachments"]]
    assert outputs["vpc_id"] not in attached


def observability(aws: Aws, outputs: JsonObject) -> None:
    cloudwatch, topic = aws.client("cloudwatch"), outputs["topic_arn"]
    alarms = cloudwatch.describe_alarms(AlarmNames=outputs["alarm_names"])["MetricAlarms"]
    receivers = aws.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]

    assert len(alarms) >= 2
    assert all(alarm["AlarmActions"] == [topic] for alarm in alarms)
    assert [receiver["Endpoint"] for receiver in receivers] == ["operations@example.com"]
    assert widgets_of(aws, outputs["dashboard_name"])


def platform_contract(aws: Aws, outputs: JsonObject) -> None:
    platform = outputs["platform"]

    assert platform["name_prefix"] == "example-dev"
    assert platform["retry"]["max_attempts"] >= 1
    assert platform["emulator"] is None


def public_api(aws: Aws, outputs: JsonObject) -> None:
    url = f"{outputs['url']}/subscriptions"
    taken = requests.post(url, json={"mail": "ada@example.com"}, timeout=30)
    refused = requests.post(url, data="nonsense", timeout=30)

    assert (taken.status_code, taken.json()) == (202, {"subscribed": "ada@example.com"})
    assert refused.status_code == 400


def queue(aws: Aws, outputs: JsonObject) -> None:
    sqs, url = aws.client("sqs"), outputs["url"]
    sqs.send_message(QueueUrl=url, MessageBody="an order that always fails")
    for _ in range(5):
        [message] = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
        assert message["Body"] == "an order that always fails"
    sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0)

    assert received(aws, outputs["dead_letters_url"]) == "an order that always fails"


def rest_api(aws: Aws, outputs: JsonObject) -> None:
    lamp = requests.get(f"{outputs['url']}/articles/lamp", timeout=30)
    unknown = requests.get(f"{outputs['url']}/articles/unicorn", timeout=30)

    assert (lamp.status_code, lamp.json()) == (200, {"article": "lamp", "pieces": 3})
    assert unknown.status_code == 404


def state_machine(aws: Aws, outputs: JsonObject) -> None:
    empty = execution(aws, outputs["alias_arn"], {"articles": []})
    shipped = execution(aws, outputs["alias_arn"], {"articles": ["lamp"]})
    policies = aws.client("iam").list_role_policies(RoleName=outputs["role_name"])["PolicyNames"]

    assert (empty["status"], json.loads(empty["output"])) == ("SUCCEEDED", {"shipped": 0})
    assert (shipped["status"], json.loads(shipped["output"])) == ("SUCCEEDED", {"shipped": 1})
    assert json.loads(received(aws, outputs["queue_url"])) == {"articles": ["lamp"]}
    assert policies


def table(aws: Aws, outputs: JsonObject) -> None:
    dynamodb, name = aws.client("dynamodb"), outputs["name"]
    key = {"customerId": {"S": "ada"}, "orderId": {"S": "1"}}
    dynamodb.put_item(TableName=name, Item={**key, "total": {"N": "12"}})
    item = dynamodb.get_item(TableName=name, Key=key)["Item"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]

    assert item["total"] == {"N": "12"}
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def web_site(aws: Aws, outputs: JsonObject) -> None:
    # Only browsers and curl know names below localhost.
    _, _, server = outputs["url"].rstrip("/").partition("//")
    address = f"http://127.0.0.1:{server.rpartition(':')[2]}/"
    page = requests.get(address, headers={"Host": server}, timeout=30)
    style = requests.get(f"{address}style.css", headers={"Host": server}, timeout=30)

    assert page.status_code == 200
    assert "<h1>Hello</h1>" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert style.headers["Content-Type"].startswith("text/css")


def workflow(aws: Aws, outputs: JsonObject) -> None:
    good = execution(aws, outputs["alias_arn"], {"order": "1", "amount": 5})
    bad = execution(aws, outputs["alias_arn"], {"order": "2", "amount": 0})
    failure = json.loads(received(aws, outputs["failed_queue_url"]))

    assert good["status"] == "SUCCEEDED"
    assert json.loads(good["output"])["checked"] is True
    assert (bad["status"], bad["error"]) == ("FAILED", "RefundFailed")
    assert failure["event"] == {"order": "2", "amount": 0}
    assert failure["error"]["Error"] == "WrongAmountError"


def widgets_of(aws: Aws, name: str) -> list[JsonObject]:
    """Return the widgets of a dashboard."""
    body = aws.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
    widgets: list[JsonObject] = json.loads(body)["widgets"]
    return widgets


def received(aws: Aws, url: str) -> str:
    """Return the next message of a queue, and delete it."""
    sqs = aws.client("sqs")
    [message] = wait_for(
        lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"),
        f"a message in {url}",
        30,
    )
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    body: str = message["Body"]
    return body


def waiting(aws: Aws, url: str) -> int:
    """Return how many messages a queue holds."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(number) for number in found["Attributes"].values())


def execution(aws: Aws, arn: str, value: JsonObject) -> JsonObject:
    """Start an execution and return its description once it has ended."""
    client = aws.client("stepfunctions")
    started = client.start_execution(stateMachineArn=arn, input=json.dumps(value))["executionArn"]

    def ended() -> JsonObject | None:
        found: JsonObject = client.describe_execution(executionArn=started)
        return None if found["status"] == "RUNNING" else found

    found: JsonObject = wait_for(ended, f"the end of {started}", 60)
    return found
