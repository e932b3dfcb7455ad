"""The promises of each module's example: one function for each module, of its name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from ops.aws.clients import Aws
from tests.support.platform import wait_for

JsonObject = dict[str, Any]


def async_call(aws: Aws, outputs: JsonObject) -> None:
    table, client = aws.client("dynamodb"), aws.client("stepfunctions")

    def started(token: str) -> str:
        given = json.dumps({"payload": {"pages": 3}, "token": token})
        answer = client.start_execution(stateMachineArn=outputs["alias_arn"], input=given)
        wait_for(lambda: state_of(token) == "running", f"the job {token}", 30)
        arn: str = answer["executionArn"]
        return arn

    def ended(arn: str) -> JsonObject:
        found = client.describe_execution(executionArn=arn)
        names = {name: found[name] for name in ("stateMachineArn", "name", "input")}
        return {**names, "status": "ABORTED"}

    def state_of(token: str) -> str | None:
        key = {"token": {"S": token}}
        item = table.get_item(TableName=outputs["table"], Key=key).get("Item", {})
        return str(item["state"]["S"]) if item else None

    printed, stopped, missed = started("ready"), started("stopped"), started("missed")
    table.update_item(
        TableName=outputs["table"],
        Key={"token": {"S": "ready"}},
        UpdateExpression="SET #state = :state, #result = :result",
        ExpressionAttributeNames={"#state": "state", "#result": "result"},
        ExpressionAttributeValues={":state": {"S": "succeeded"}, ":result": {"S": "3 pages"}},
    )
    client.stop_execution(executionArn=stopped)
    wait_for(lambda: state_of("stopped") == "cancelled", "the cancellation", 30)
    # As a redrive sends the end of a call that the rule could not deliver.
    entry = {
        "Source": "redriven.aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Detail": json.dumps(ended(missed)),
    }
    aws.client("events").put_events(Entries=[entry])
    wait_for(lambda: state_of("missed") == "cancelled", "the redriven cancellation", 30)

    def output() -> JsonObject | None:
        text = client.describe_execution(executionArn=printed).get("output")
        return json.loads(text) if text else None

    found = wait_for(output, "the result", 30)
    assert (found["result"], found["retries"]) == ("3 pages", 0)
    # A second call with the token waits for the same job.
    again = execution(aws, outputs["alias_arn"], {"payload": {"pages": 9}, "token": "ready"})
    assert json.loads(again["output"])["result"] == "3 pages"


def aws_events(aws: Aws, outputs: JsonObject) -> None:
    """An event of S3 reaches the bus with its id, and needs the right of the rule's role."""
    s3, events, forwarding = aws.client("s3"), aws.client("events"), outputs["forwarding"]
    s3.put_object(Bucket=outputs["bucket"], Key="a b+c", Body=b"picture")
    event = json.loads(received(aws, outputs["queue_url"]))
    archive = events.describe_archive(ArchiveName=outputs["archive_name"])

    assert (event["source"], event["detail-type"]) == ("aws.s3", "Object Created")
    assert event["detail"]["object"]["key"] == "a b+c"
    assert archive["EventCount"] == 1
    # A redrive may not send an event of a source of AWS, so it sends one of the other source.
    entry = {
        "EventBusName": outputs["event_bus_name"],
        "Source": "redriven.aws.s3",
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "Resources": event["resources"],
    }
    refused = events.put_events(Entries=[{**entry, "Source": "aws.s3"}])["Entries"][0]
    assert refused["ErrorCode"] == "NotAuthorizedForSourceException"
    events.put_events(Entries=[entry])
    assert json.loads(received(aws, outputs["queue_url"]))["detail"] == event["detail"]

    role, policy = f"{forwarding['name']}-events", "put-events"
    iam = aws.client("iam")
    kept = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    s3.delete_object(Bucket=outputs["bucket"], Key="a b+c")
    undelivered = json.loads(received(aws, forwarding["undelivered_queue_url"]))
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(kept))
    assert undelivered["detail-type"] == "Object Deleted"


def batch_queue(aws: Aws, outputs: JsonObject) -> None:
    """A job, and each child of an array, runs the package and writes its log."""
    client, group = aws.client("batch"), outputs["log_group"]
    asked = {"jobQueue": outputs["queue"], "jobDefinition": outputs["definition"]}
    single = client.submit_job(jobName="three", parameters={"number": "3"}, **asked)["jobId"]
    array = client.submit_job(jobName="all", arrayProperties={"size": 2}, **asked)["jobId"]

    def ended() -> bool:
        found = client.describe_jobs(jobs=[single, array])["jobs"]
        return all(job["status"] in ("SUCCEEDED", "FAILED") for job in found)

    wait_for(ended, "the end of the jobs", 60)
    jobs = client.describe_jobs(jobs=[single, array])["jobs"]
    assert [job["status"] for job in jobs] == ["SUCCEEDED", "SUCCEEDED"], jobs
    for line in ("3 * 3 = 9", "0 * 0 = 0", "1 * 1 = 1"):
        assert logged(aws, group, line) == 1, line


def bucket(aws: Aws, outputs: JsonObject) -> None:
    s3, name = aws.client("s3"), outputs["name"]
    for body in (b"first", b"second"):
        s3.put_object(Bucket=name, Key="invoice", Body=body)
    versions = s3.list_object_versions(Bucket=name, Prefix="invoice")["Versions"]
    access = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]

    rules = {
        rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    }

    assert len(versions) == 2
    assert set(access.values()) == {True}
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=name)
    assert rules["archive"]["Filter"]["And"]["Prefix"] == "paid/"
    assert rules["archive"]["Transitions"] == [{"Days": 30, "StorageClass": "GLACIER_IR"}]
    assert rules["marked"]["Filter"] == {"Tag": {"Key": "temporary", "Value": "true"}}
    assert rules["drafts"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 60}


def canary_guard(aws: Aws, outputs: JsonObject) -> None:
    events, ssm, name = aws.client("events"), aws.client("ssm"), outputs["name"]
    ssm.put_parameter(Name="/example/shop/canary", Value='{"state": "trying"}', Type="String")
    answer = aws.client("lambda").invoke(FunctionName=name, Qualifier="live")

    # The role allows to read the record.
    assert json.load(answer["Payload"]) == {"state": "trying"}
    rules = events.list_rules(NamePrefix=name)["Rules"]
    assert {rule.get("ScheduleExpression") for rule in rules} == {None, "rate(1 minute)"}
    for rule in rules:
        [target] = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        assert target["Arn"].endswith(f":{name}:live")


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
    check_whole_events(logs, outputs["whole_event_log_group"], event_id)
    archive = events.describe_archive(ArchiveName=outputs["archive_name"])
    assert (archive["State"], archive["RetentionDays"]) == ("ENABLED", 30)


def check_whole_events(logs: Any, group: str, event_id: str) -> None:
    """The second log has the event's detail, is encrypted, and is kept for its own time."""

    def lines() -> list[str]:
        found = logs.filter_log_events(logGroupName=group)["events"]
        return [line["message"] for line in found if event_id in line["message"]]

    [line] = wait_for(lines, "the line of the whole event", 30)
    assert json.loads(line)["detail"] == {"secret": "violet"}
    [found] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert ":key/" in found["kmsKeyId"]
    assert found["retentionInDays"] == 365


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


def firewall(aws: Aws, outputs: JsonObject) -> None:
    """An address that votes too often is refused, another one is not."""
    limit = 10

    def vote(address: str) -> requests.Response:
        with requests.Session() as session:
            session.mount("http://", FromAddress(address))
            return session.post(f"{outputs['url']}/votes", timeout=30)

    answers = [vote("127.0.0.2") for _ in range(limit + 2)]
    refused = answers[-1]

    assert [answer.status_code for answer in answers] == [202] * limit + [429] * 2
    assert refused.json() == {"message": "Too Many Requests"}
    assert refused.headers["Retry-After"] == "60"
    assert vote("127.0.0.3").status_code == 202


class FromAddress(HTTPAdapter):
    """Calls from an address of this computer."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **more: Any) -> Any:
        """Connect from the address."""
        return super().init_poolmanager(
            *arguments, **{**more, "source_address": (self._address, 0)}
        )


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


def queue_consumer(aws: Aws, outputs: JsonObject) -> None:
    """Messages are handled, left out, set aside or tried again until they are dead letters."""
    sqs, url, dead_letters = aws.client("sqs"), outputs["queue_url"], outputs["dead_letters_url"]
    [mapping] = aws.client("lambda").list_event_source_mappings(
        FunctionName="example-dev-orders-take-payment"
    )["EventSourceMappings"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    bodies = [{"amount": 5}, {"other": 1}, {"amount": 0}, {"amount": 6, "fails": True}]
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))

    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert found["VisibilityTimeout"] == "18"
    assert json.loads(received(aws, dead_letters)) == bodies[2]
    # After the visibility timeout, SQS moves the message that failed.
    assert json.loads(received(aws, dead_letters)) == bodies[3]
    assert waiting(aws, url) == waiting(aws, dead_letters) == 0


def rest_api(aws: Aws, outputs: JsonObject) -> None:
    lamp = requests.get(f"{outputs['url']}/articles/lamp", timeout=30)
    unknown = requests.get(f"{outputs['url']}/articles/unicorn", timeout=30)

    assert (lamp.status_code, lamp.json()) == (200, {"article": "lamp", "pieces": 3})
    assert unknown.status_code == 404


def schedule(aws: Aws, outputs: JsonObject) -> None:
    scheduler, name = aws.client("scheduler"), outputs["name"]
    nightly = scheduler.get_schedule(GroupName=name, Name=name)
    # The same call, once and now.
    scheduler.create_schedule(
        Name=f"{name}-now",
        GroupName=name,
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=nightly["Target"],
        ActionAfterCompletion="DELETE",
    )
    day = json.loads(received(aws, outputs["queue_url"]))
    states = aws.client("stepfunctions")
    executions = states.list_executions(stateMachineArn=outputs["state_machine_arn"])["executions"]

    assert nightly["ScheduleExpressionTimezone"] == "Europe/Vienna"
    assert (day["source"], day["detail-type"]) == ("example.billing", "BillDay")
    assert day["detail"] == {"moment": day["time"]}
    assert [execution["name"] for execution in executions] == [day["id"]]
    assert waiting(aws, outputs["undelivered_queue_url"]) == 0
    assert scheduler.list_schedules(GroupName=name)["Schedules"][1:] == []


def state_machine(aws: Aws, outputs: JsonObject) -> None:
    empty = execution(aws, outputs["alias_arn"], {"articles": []})
    shipped = execution(aws, outputs["alias_arn"], {"articles": ["lamp"]})
    policies = aws.client("iam").list_role_policies(RoleName=outputs["role_name"])["PolicyNames"]

    assert (empty["status"], json.loads(empty["output"])) == ("SUCCEEDED", {"shipped": 0})
    assert (shipped["status"], json.loads(shipped["output"])) == ("SUCCEEDED", {"shipped": 1})
    assert json.loads(received(aws, outputs["queue_url"])) == {"articles": ["lamp"]}
    assert policies


def stream_consumer(aws: Aws, outputs: JsonObject) -> None:
    """A bad record goes to the queue; those around it, and changes, do not."""
    dynamodb, group = aws.client("dynamodb"), outputs["log_group_name"]
    for number, receiver in (("1", "Ada"), ("2", ""), ("3", "Bea")):
        item = {"parcelId": {"S": number}, **({"receiver": {"S": receiver}} if receiver else {})}
        dynamodb.put_item(TableName=outputs["table"], Item=item)
    changed = {"parcelId": {"S": "1"}, "receiver": {"S": "Cleo"}}
    dynamodb.put_item(TableName=outputs["table"], Item=changed)
    failure = json.loads(received(aws, outputs["undelivered_queue_url"]))

    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failure["DDBStreamBatchInfo"]["streamArn"].endswith(
        "/stream/" + stream_label(aws, outputs)
    )
    wait_for(lambda: logged(aws, group, "announced 3"), "the last parcel", 30)
    assert logged(aws, group, "announced 1") == 1
    assert waiting(aws, outputs["undelivered_queue_url"]) == 0


def stream_label(aws: Aws, outputs: JsonObject) -> str:
    """Return the name of the stream of a table."""
    table = aws.client("dynamodb").describe_table(TableName=outputs["table"])["Table"]
    label: str = table["LatestStreamLabel"]
    return label


def table(aws: Aws, outputs: JsonObject) -> None:
    dynamodb, name = aws.client("dynamodb"), outputs["name"]
    key = {"customerId": {"S": "ada"}, "orderId": {"S": "1"}}
    dynamodb.put_item(TableName=name, Item={**key, "total": {"N": "12"}})
    item = dynamodb.get_item(TableName=name, Key=key)["Item"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]

    described = dynamodb.describe_table(TableName=name)["Table"]
    expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]

    assert item["total"] == {"N": "12"}
    assert {index["IndexName"] for index in described["GlobalSecondaryIndexes"]} == {
        "by_invoice",
        "by_state",
    }
    assert {"AttributeName": "changedAt", "AttributeType": "N"} in described["AttributeDefinitions"]
    assert described["LatestStreamArn"] == outputs["stream_arn"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "deletedAfter"}
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def topic(aws: Aws, outputs: JsonObject) -> None:
    aws.client("sns").publish(TopicArn=outputs["arn"], Message="lamp is sold out")

    assert received(aws, outputs["queue_url"]) == "lamp is sold out"
    group = outputs["log_group_name"]
    wait_for(lambda: logged(aws, group, "announced lamp is sold out"), "the announcement", 30)
    assert waiting(aws, outputs["undelivered_queue_url"]) == 0


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
    # The firewall of the example.
    visits = [requests.head(address, headers={"Host": server}, timeout=30) for _ in range(60)]
    assert [visits[0].status_code, visits[-1].status_code] == [200, 429]


def workflow(aws: Aws, outputs: JsonObject) -> None:
    good = execution(aws, outputs["alias_arn"], {"order": "1", "amount": 5})
    bad = execution(aws, outputs["alias_arn"], {"order": "2", "amount": 0})
    failure = json.loads(received(aws, outputs["failed_queue_url"]))

    assert good["status"] == "SUCCEEDED"
    assert json.loads(good["output"])["checked"] is True
    assert (bad["status"], bad["error"]) == ("FAILED", "RefundFailed")
    assert failure["event"] == {"order": "2", "amount": 0}
    assert failure["error"]["Error"] == "WrongAmountError"
    check_alarms_by_error(aws, outputs)


def workflow_api(aws: Aws, outputs: JsonObject) -> None:
    """Each kind of target answers, gets values as they were sent, and fails as what it is."""
    url, odd = outputs["url"], 'it\'s "quoted" \\ </b> $5 #if ü\n'

    def post(path: str, body: JsonObject, **more: Any) -> tuple[int, JsonObject]:
        answer = requests.post(f"{url}{path}", json=body, timeout=30, **more)
        return answer.status_code, answer.json()

    assert post("/quotes", {"article": "lamp", "customer": odd}) == (200, {"price": 12, "for": odd})
    status, unknown = post("/quotes", {"article": odd, "customer": odd})
    assert (status, unknown["message"]) == (422, f'There is no article "{odd}".')
    status, broken = post("/quotes", {"article": "broken", "customer": "x"})
    assert (status, broken["error"], "secret" in str(broken)) == (500, "Failed", False)
    assert post("/quotes", {"article": "lamp"})[0] == 400
    assert post("/remarks", {}, headers={"Content-Type": "text/xml"})[0] == 415
    check_orders(post, url, odd)
    assert post("/remarks", {"text": odd}, params={"language": odd})[0] == 202
    remark = json.loads(received(aws, outputs["queue_url"]))
    assert (remark["detail"], remark["parameters"]) == ({"text": odd}, {"language": odd})


def check_orders(post: Any, url: str, odd: str) -> None:
    """An order that is sent twice is one; its execution can be read, and another cannot."""
    order = {"id": "order-1", "note": odd}
    status, taken = post("/orders", order)
    assert (status, taken["execution"].rpartition(":")[2]) == (202, "order-1")
    # The execution has ended, or not: neither is a second one.
    assert post("/orders", order)[0] in (202, 409)

    def ended() -> JsonObject | None:
        found: JsonObject = requests.get(f"{url}/orders/order-1", timeout=30).json()
        return found if found["status"] == "SUCCEEDED" else None

    found: JsonObject = wait_for(ended, "the end of the order", 30)
    taken_event = json.loads(found["output"])
    assert (taken_event["detail"], taken_event["source"]) == (order, "example-shop")
    assert requests.get(f"{url}/orders/none", timeout=30).status_code == 404


def check_alarms_by_error(aws: Aws, outputs: JsonObject) -> None:
    """Many wrong refunds raise the alarm of the share; one technical failure raises its own."""
    cloudwatch, stem = aws.client("cloudwatch"), "example-dev-refunds"

    def share_was_looked_at() -> bool:
        [alarm] = cloudwatch.describe_alarms(AlarmNames=[f"{stem}-failed-share"])["MetricAlarms"]
        return bool(alarm["StateValue"] == "OK")

    # After the first wrong one.
    wait_for(share_was_looked_at, "the first look at the share", 30)
    assert fired(aws, stem) == []
    for _ in range(2):
        execution(aws, outputs["alias_arn"], {"order": "3", "amount": 0})
    wait_for(lambda: fired(aws, stem) == [f"{stem}-failed-share"], "the alarm of the share", 30)
    # CheckAmount cannot compare a word.
    execution(aws, outputs["alias_arn"], {"order": "4", "amount": "many"})
    technical = [f"{stem}-check-amount-errors", f"{stem}-failed", f"{stem}-failed-share"]
    wait_for(lambda: fired(aws, stem) == technical, "the alarms of a technical failure", 30)


def fired(aws: Aws, prefix: str) -> list[str]:
    """Return the names of the alarms that fire."""
    found = aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=prefix, StateValue="ALARM")
    return sorted(alarm["AlarmName"] for alarm in found["MetricAlarms"])


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


def logged(aws: Aws, group: str, text: str) -> int:
    """Return how many lines of a log group have a text."""
    lines = aws.client("logs").filter_log_events(logGroupName=group)["events"]
    return sum(text in line["message"] for line in lines)


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
