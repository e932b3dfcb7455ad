"""Expectations of the call recording archival in the tests of every flow."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from ops.flows.call_recording_archival.recordings import recording
from ops.recovery.dead_letters import UNDELIVERED, look, remove
from tests.flows.call_recording_archival.support.archival import Archival
from tests.support.expectations import FAILURE, Events, Expectations, Rights, Settings, Try
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

MACHINE = "flowbridge-local-call-recording-archival"
CONVERTER = f"{MACHINE}-convert-recording"
#: Days of recordings that only these tests have.
LISTED, CONVERTED = "2021/05/01/", "2021/05/02/"


def archival(running: RunningFlow) -> Archival:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Archival)
    return running


def rights(running: RunningFlow) -> Rights:
    """Return the calls that miss each right."""
    flow = archival(running)
    listed = f"{LISTED}listed_UTC.wav"
    flow.record({listed: recording(0.1)}, "a=b", StorageClass="STANDARD_IA")
    converted = f"{CONVERTED}converted_UTC.wav"

    def queued() -> str | None:
        """Return the error of the function that lists and queues."""
        return flow.error_of(
            flow.function("QueueRecordings"), {"day": LISTED.strip("/").replace("/", "-")}
        )

    def convert(key: str = converted) -> str | None:
        """Return whether the converter fails on a recording with tags."""
        flow.record({key: recording(0.1)}, "a=b")
        message = {"messageId": "1", "body": json.dumps({"key": key})}
        return failure_of(flow, {"Records": [message]})

    def miss() -> str | None:
        """Return whether the converter fails on a recording that was deleted."""
        body = json.dumps({"key": f"{CONVERTED}deleted_UTC.wav"})
        return failure_of(flow, {"Records": [{"messageId": "1", "body": body}]})

    def set_aside() -> str | None:
        message = {"messageId": "1", "body": json.dumps({"key": ""})}
        failed = failure_of(flow, {"Records": [message]})
        flow.forget_letters([""])
        return failed

    def read_queue() -> str | None:
        """Return whether a recording in the queue is not archived."""
        key = f"{CONVERTED}queued_UTC.wav"
        flow.record({key: recording(0.1)})
        [consumer] = flow.flow.consumers
        flow.aws.client("sqs").send_message(
            QueueUrl=consumer.queue_url, MessageBody=json.dumps({"key": key})
        )
        try:
            wait_for(lambda: flow.tags([key])[key], "the tag", 8)
        except AssertionError:
            return "not archived"
        return None

    def save_watermark() -> str | None:
        flow.forget_watermark()
        return flow.task("SaveWatermark", {"watermark": "2000-01-01"})

    # boto3 does not let two threads make a client.
    for service in ("stepfunctions", "dynamodb", "scheduler"):
        flow.aws.client(service)
    tries: dict[tuple[str, str], Try] = {
        (f"{MACHINE}-choose-days", "ReadWatermark"): lambda: flow.error_of(
            flow.function("ChooseDays"),
            {"time": "2021-06-08T23:00:00Z", "detail": {"specific_date": ""}},
        ),
        (f"{MACHINE}-daily-scheduler", "StartExecution"): lambda: scheduled(flow),
        (f"{MACHINE}-daily-scheduler", "QueueUndelivered"): lambda: undelivered(flow),
        (MACHINE, "AwsSdkSqsGetQueueAttributes"): lambda: flow.task(
            "CheckQueue", {"emptyReads": 0}
        ),
        (MACHINE, "DynamodbUpdateItem"): save_watermark,
        **dict.fromkeys(
            [
                (f"{MACHINE}-queue-recordings", name)
                for name in ("ListRecordings", "ReadTags", "QueueToConvert")
            ],
            queued,
        ),
        **dict.fromkeys(
            [
                (CONVERTER, name)
                for name in ("KeepTags", "ReadRecordings", "ReadTags", "ReplaceRecordings")
            ],
            convert,
        ),
        (CONVERTER, "SeeMissingRecordings"): miss,
        (CONVERTER, "SetAside"): set_aside,
        (CONVERTER, "ReadQueue"): read_queue,
    }
    return Rights({"CatchErrors": FAILURE}, tries)


def call_now(flow: Archival, target: str | None = None) -> str:
    """Have the schedule's role make one call now, perhaps of another target; return its mark."""
    client, mark = flow.aws.client("scheduler"), f"mark-{uuid.uuid4().hex}"
    [name] = [trigger.name for trigger in flow.flow.triggers if trigger.kind == "schedule"]
    daily = client.get_schedule(GroupName=name, Name=name)["Target"]
    call = json.loads(daily["Input"])
    event = {**json.loads(call["Input"]), "detail": {"specific_date": "01/01/2021", "note": mark}}
    call |= {"Input": json.dumps(event)} | ({"StateMachineArn": target} if target else {})
    client.create_schedule(
        Name=mark,
        GroupName=name,
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            **daily,
            "Input": json.dumps(call),
            # A call without a right is repeated, too.
            "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
        },
        ActionAfterCompletion="DELETE",
    )
    return mark


def letter_of(flow: Archival, mark: str) -> str | None:
    """Return the error of a call that the schedule could not make, and remove its message."""
    sqs = flow.aws.client("sqs")
    [url] = [
        trigger.undelivered_queue_url
        for trigger in flow.flow.triggers
        if trigger.kind == "schedule" and trigger.undelivered_queue_url
    ]
    found = [x for x in look(sqs, UNDELIVERED, url) if mark in x.raw["Body"]]
    remove(sqs, UNDELIVERED, url, lambda letter: mark in letter.raw["Body"])
    return found[0].error if found else None


def scheduled(flow: Archival) -> str | None:
    """Return the error with which the schedule cannot start the workflow."""
    mark = call_now(flow)
    client, machine = flow.aws.client("stepfunctions"), flow.flow.state_machine_arn

    def fate() -> str | None:
        recent = client.list_executions(stateMachineArn=machine, maxResults=20)["executions"]
        for one in recent:
            found = client.describe_execution(executionArn=one["executionArn"])
            if mark in found.get("input", ""):
                return "started"
        return letter_of(flow, mark)

    found: str = wait_for(fate, "the schedule's call", 30)
    return None if found == "started" else found


def undelivered(flow: Archival) -> str | None:
    """Return whether a call of a missing state machine does not reach the undelivered queue."""
    mark = call_now(flow, f"{flow.flow.state_machine_arn}-missing")
    try:
        wait_for(lambda: letter_of(flow, mark), "the message", 8)
    except AssertionError:
        return "not queued"
    return None


def failure_of(flow: Archival, event: Mapping[str, object]) -> str | None:
    """Return whether the converter reports a failed message."""
    answer = flow.aws.client("lambda").invoke(
        FunctionName=flow.function("convert_recording"),
        Qualifier="live",
        Payload=json.dumps(event).encode(),
    )
    found = json.load(answer["Payload"])
    return "failed" if found.get("batchItemFailures", True) else None


EXPECTATIONS = Expectations(
    running=Archival,
    libraries={
        "call_recording_archival.choose_days": set(),
        "call_recording_archival.queue_recordings": set(),
        "call_recording_archival.convert_recording": set(),
        "call_recording_archival.catch_errors": set(),
    },
    wide={
        "ReadTags": "recordings are all objects below the prefix, with keys of Amazon Connect",
        "ReadRecordings": "as ReadTags",
        "ReplaceRecordings": "as ReadTags",
        "KeepTags": "as ReadTags",
    },
    rights=rights,
    events=Events(
        good=lambda _: {"specific_date": "01/01/2021", "note": "started by an operator"},
        bad=lambda _: {"specific_date": "2021-01-01"},
    ),
    settings=Settings(
        wrong={"bucket_prefix": "/x", "num_days_age": 0, "s3_storage_tier": "DEEP"},
        sentences=[
            "call_recording_archival.bucket_prefix ends",
            "call_recording_archival.num_days_age is",
            "call_recording_archival.s3_storage_tier is",
        ],
        required="bucket_prefix",
    ),
)
