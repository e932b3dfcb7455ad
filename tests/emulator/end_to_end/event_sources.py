"""Checks of event source mappings and queues, for `test_gaps`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tests.emulator.end_to_end.executions import eventually, new

JsonObject = dict[str, Any]

#: The rights that reading a queue needs.
ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
#: Longer than the emulator needs to find a message.
SETTLED_SECONDS = 1.5


def queue(server: Any, **attributes: str) -> tuple[str, str]:
    """Return the URL and the ARN of a new queue."""
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName=new("queue"), Attributes=attributes)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return str(url), str(found["QueueArn"])


def reader(server: Any, *lines: str, actions: Sequence[str] = ACTIONS) -> tuple[str, str]:
    """Return a new function, and its role, which may read every queue."""
    name = server.function(*lines)
    statements = [{"Action": [*actions, "logs:*"]}] if actions else []
    role = server.role("lambda", *statements)
    server.client("lambda").update_function_configuration(FunctionName=name, Role=role)
    return name, role


def connect(server: Any, function: str, source: str, **more: Any) -> str:
    """Return the id of a new mapping."""
    made = server.client("lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=source, **more
    )
    return str(made["UUID"])


def put(server: Any, url: str, *bodies: str) -> None:
    """Send messages."""
    for start in range(0, len(bodies), 10):
        some = bodies[start : start + 10]
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(some)]
        server.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)


def held(server: Any, url: str) -> int:
    """Return how many messages a queue holds, whether they are visible or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = server.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(number) for number in found["Attributes"].values())


def has_run(server: Any, mapping: str) -> bool:
    """Return whether a function has answered for a batch."""
    found = server.client("lambda").get_event_source_mapping(UUID=mapping)
    return bool(found["LastProcessingResult"] != "No records processed")


def is_wrong(call: Callable[[], Any]) -> bool:
    """Return whether a request is refused for one of its values."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] == "InvalidParameterValueException"
    return False


def rights_of_sources(server: Any) -> bool:
    url, source = queue(server)
    for missing in ACTIONS:
        name, _ = reader(server, "pass", actions=[x for x in ACTIONS if x != missing])
        if not is_wrong(lambda name=name: connect(server, name, source)):  # type: ignore[misc]
            return False
    name, role = reader(server, "pass")
    connect(server, name, source)
    put(server, url, "first")
    assert eventually(lambda: held(server, url) == 0)
    server.client("iam").delete_role_policy(RoleName=role.rpartition("/")[2], PolicyName="p")
    put(server, url, "second")
    time.sleep(SETTLED_SECONDS)
    return held(server, url) == 1


def failure_reports(server: Any) -> bool:
    for report in ([{"itemId": "x"}], [{"itemIdentifier": ""}], "x"):
        url, source = queue(server)
        name, _ = reader(server, f"return {{'batchItemFailures': {report!r}}}")
        mapping = connect(server, name, source, FunctionResponseTypes=["ReportBatchItemFailures"])
        put(server, url, "kept")
        assert eventually(lambda mapping=mapping: has_run(server, mapping))  # type: ignore[misc]
        time.sleep(SETTLED_SECONDS)
        if held(server, url) != 1:
            return False
    return True


def batch_windows(server: Any) -> bool:
    url, source = queue(server)
    name, _ = reader(server, "assert len(event['Records']) == 12")
    connect(server, name, source, BatchSize=20, MaximumBatchingWindowInSeconds=2)
    put(server, url, *(str(number) for number in range(12)))
    time.sleep(SETTLED_SECONDS / 3)
    waits = held(server, url) == 12
    return waits and bool(eventually(lambda: held(server, url) == 0))


def visibility_timeouts(server: Any) -> bool:
    _, short = queue(server, VisibilityTimeout="10")
    _, long = queue(server, VisibilityTimeout="30")
    name, _ = reader(server, "pass")
    return is_wrong(lambda: connect(server, name, short)) and is_wrong(
        lambda: connect(server, name, long, BatchSize=11)
    )


def weights_of_sources(server: Any) -> bool:
    url, source = queue(server)
    client, (name, _) = server.client("lambda"), reader(server, "print('called')")
    for number in range(2):
        client.update_function_configuration(FunctionName=name, Description=str(number))
        client.publish_version(FunctionName=name)
    alias = client.create_alias(
        FunctionName=name,
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )["AliasArn"]
    connect(server, alias, source, BatchSize=1)
    put(server, url, *(str(number) for number in range(20)))
    assert eventually(lambda: held(server, url) == 0)
    logs = server.client("logs")
    streams = logs.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    found = (re.search(r"\[(\d+)\]", stream["logStreamName"]) for stream in streams)
    return {match[1] for match in found if match} == {"1", "2"}


def filtered_messages(server: Any) -> bool:
    url, source = queue(server)
    name, _ = reader(server, "raise ValueError('no')")
    patterns = [{"Pattern": json.dumps({"body": {"wanted": [True]}})}]
    mapping = connect(server, name, source, Enabled=False, FilterCriteria={"Filters": patterns})
    put(server, url, '{"wanted": true}', '{"wanted": false}', "no JSON")
    server.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=True)
    assert eventually(lambda: has_run(server, mapping))
    return held(server, url) == 1


def rights_of_batches(server: Any) -> bool:
    url, _ = queue(server)
    for action, count in (("sqs:SendMessage", 1), ("sqs:ReceiveMessage", 0)):
        client = server.client_with("sqs", {"Action": action})
        try:
            client.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}])
        except ClientError:
            if count:
                return False
        else:
            if not count:
                return False
    return True


CHECKS: tuple[Callable[[Any], bool], ...] = (
    rights_of_sources,
    failure_reports,
    batch_windows,
    visibility_timeouts,
    weights_of_sources,
    filtered_messages,
    rights_of_batches,
)
