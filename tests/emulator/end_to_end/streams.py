"""Checks of DynamoDB Streams and SNS, for `test_gaps`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

JsonObject = dict[str, Any]

SECONDS = 8.0
READ: JsonObject = {
    "Action": [
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:DescribeStream",
        "dynamodb:ListStreams",
    ]
}
#: Lines of a function that sends the keys of its records to the queue in its description.
KEYS = "keys = [r['dynamodb']['Keys']['k']['S'] for r in event['Records']]"


def stream_retries(server: Any) -> bool:
    """A batch with a bad record is split; that record goes to the destination, the others not."""
    seen, given_up = Queue(server), Queue(server)
    lines = (KEYS, seen.send("keys"), "if 'bad' in keys: raise ValueError('bad')")
    table = Table(server)
    for key in ("one", "bad", "two"):
        table.put(key)
    table.map(
        function(server, *lines),
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        DestinationConfig={"OnFailure": {"Destination": given_up.arn}},
    )
    letters = given_up.receive(1)
    calls = seen.receive(6)
    return bool(
        [letter["DDBStreamBatchInfo"]["batchSize"] for letter in letters] == [1]
        and letters[0]["requestContext"]["condition"] == "RetryAttemptsExhausted"
        and calls[0] == ["one", "bad", "two"]
        and calls.count(["bad"]) == 2
        and ["two"] in calls
    )


def stream_checkpoints(server: Any) -> bool:
    """The function does not get the records before the one that it reports twice."""
    seen = Queue(server)
    lines = (
        KEYS,
        seen.send("keys"),
        "records = [r['dynamodb'] for r in event['Records']]",
        "number = [r['SequenceNumber'] for r in records if r['Keys']['k']['S'] == 'two'][0]",
        "failures = [{'itemIdentifier': number}] if len(keys) == 3 else []",
        "return {'batchItemFailures': failures}",
    )
    table = Table(server)
    for key in ("one", "two", "three"):
        table.put(key)
    table.map(
        function(server, *lines),
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    return seen.receive(2) == [["one", "two", "three"], ["two", "three"]]


def rights_of_streams(server: Any) -> bool:
    """A mapping is refused without the rights, and stops when its role loses them."""
    seen, table = Queue(server), Table(server)
    without = function(server, KEYS, seen.send("keys"), rights=())
    try:
        table.map(without)
    except ClientError as error:
        refused = "Cannot access stream" in error.response["Error"]["Message"]
    else:
        return False
    own = function(server, KEYS, seen.send("keys"))
    table.map(own)
    table.put("one")
    assert seen.receive(1) == [["one"]]
    role = server.client("lambda").get_function(FunctionName=own)["Configuration"]["Role"]
    server.client("iam").delete_role_policy(RoleName=role.rpartition("/")[2], PolicyName="p")
    table.put("two")
    return refused and seen.receive(1, 2) == []


def iterator_age(server: Any) -> bool:
    table, seen = Table(server), Queue(server)
    name = function(server, KEYS, seen.send("keys"))
    table.map(name)
    table.put("one")
    seen.receive(1)
    now = time.time()
    found = server.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="IteratorAge",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=now - 3600,
        EndTime=now + 60,
        Period=60,
        Statistics=["SampleCount"],
    )
    return bool(sum(point["SampleCount"] for point in found["Datapoints"]) == 1)


def rights_of_subscriptions(server: Any) -> bool:
    """A function gets a notification only with a permission for its topic."""
    seen, topic = Queue(server), Topic(server)
    lines = ("keys = event['Records'][0]['Sns']['Message']", seen.send("keys"))
    closed, opened = function(server, *lines), function(server, *lines)
    for name in (closed, opened):
        topic.subscribe(
            "lambda", f"arn:aws:lambda:{server.region}:{server.account}:function:{name}"
        )
    topic.allow(opened)
    topic.publish("hello")
    return seen.receive(2, 2) == ["hello"]


def undelivered_notifications(server: Any) -> bool:
    """The dead-letter queue has the notifications that a queue and a function refused."""
    topic = Topic(server)
    letters = Queue(server, topic.arn)
    closed = Queue(server, "none")
    name = function(server, "return 1")
    function_arn = f"arn:aws:lambda:{server.region}:{server.account}:function:{name}"
    redrive = json.dumps({"deadLetterTargetArn": letters.arn})
    for protocol, endpoint in (("sqs", closed.arn), ("lambda", function_arn)):
        topic.subscribe(protocol, endpoint, RedrivePolicy=redrive)
    topic.publish("hello")
    return [letter["Message"] for letter in letters.receive(2)] == ["hello", "hello"]


def repeated_notifications(server: Any) -> bool:
    seen, topic = Queue(server), Topic(server)
    name = function(server, "keys = 1", seen.send("keys"), "raise ValueError('always')")
    topic.subscribe("lambda", f"arn:aws:lambda:{server.region}:{server.account}:function:{name}")
    topic.allow(name)
    topic.publish("hello")
    return seen.receive(3, 12) == [1, 1, 1]


class Queue:
    """A new queue; `topic` may send to it, by default none but the account."""

    def __init__(self, server: Any, topic: str = "") -> None:
        self._client, name = server.client("sqs"), new("queue")
        self.arn = f"arn:aws:sqs:{server.region}:{server.account}:{name}"
        self.url = self._client.create_queue(QueueName=name)["QueueUrl"]
        if topic:
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": self.arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self._client.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": document})

    def send(self, value: str) -> str:
        """Return the line of a function that sends a value to the queue."""
        return f"sqs.send_message(QueueUrl={self.url!r}, MessageBody=json.dumps({value}))"

    def receive(self, count: int, seconds: float = SECONDS) -> list[Any]:
        """Return so many messages in their order, or those that came in time."""
        deadline, found = time.monotonic() + seconds, list[JsonObject]()
        while len(found) < count and time.monotonic() < deadline:
            found += self._client.receive_message(
                QueueUrl=self.url,
                WaitTimeSeconds=1,
                MaxNumberOfMessages=10,
                AttributeNames=["SentTimestamp"],
            ).get("Messages", [])
        found.sort(key=lambda message: int(message["Attributes"]["SentTimestamp"]))
        return [json.loads(message["Body"]) for message in found]


class Table:
    """A new table with a stream."""

    def __init__(self, server: Any) -> None:
        self._server, self._name = server, new("table")
        made = server.client("dynamodb").create_table(
            TableName=self._name,
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        self.stream = made["TableDescription"]["LatestStreamArn"]

    def put(self, key: str) -> None:
        item = {"k": {"S": key}}
        self._server.client("dynamodb").put_item(TableName=self._name, Item=item)

    def map(self, name: str, **more: Any) -> None:
        """Map the stream to a function."""
        self._server.client("lambda").create_event_source_mapping(
            EventSourceArn=self.stream,
            FunctionName=name,
            StartingPosition="TRIM_HORIZON",
            BatchSize=10,
            **more,
        )


class Topic:
    """A new topic."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.arn = str(server.client("sns").create_topic(Name=new("topic"))["TopicArn"])

    def subscribe(self, protocol: str, endpoint: str, **attributes: str) -> None:
        self._server.client("sns").subscribe(
            TopicArn=self.arn, Protocol=protocol, Endpoint=endpoint, Attributes=attributes
        )

    def allow(self, function_name: str) -> None:
        """Let the topic call a function."""
        self._server.client("lambda").add_permission(
            FunctionName=function_name,
            StatementId="topic",
            Action="lambda:InvokeFunction",
            Principal="sns.amazonaws.com",
            SourceArn=self.arn,
        )

    def publish(self, message: str) -> None:
        self._server.client("sns").publish(TopicArn=self.arn, Message=message)


def function(server: Any, *lines: str, rights: tuple[JsonObject, ...] = (READ,)) -> str:
    """Return a new function that may send to queues, and what `rights` allow."""
    name = str(server.function(*lines, top="import boto3, json\nsqs = boto3.client('sqs')"))
    role = server.client("lambda").get_function(FunctionName=name)["Configuration"]["Role"]
    statements = [{"Action": "sqs:SendMessage"}, *rights]
    server.client("iam").put_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyName="p",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Resource": "*", **s} for s in statements],
            }
        ),
    )
    return name


def new(kind: str) -> str:
    """Return a name that no other resource has."""
    return f"{kind}-{uuid4()}"


#: A check for each gap, named after it.
CHECKS: tuple[Callable[[Any], bool], ...] = (
    stream_retries,
    stream_checkpoints,
    rights_of_streams,
    iterator_age,
    rights_of_subscriptions,
    undelivered_notifications,
    repeated_notifications,
)
