"""Checks of EventBridge Scheduler, for `test_gaps`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from botocore.exceptions import ClientError

from tests.emulator.end_to_end.executions import eventually, new

JsonObject = dict[str, Any]

ACCOUNT = "111111111111"
PLACE = f"us-east-1:{ACCOUNT}"
TOKYO = "Asia/Tokyo"
#: Longer than MiniStack's interval.
SECONDS = 12.0
#: Scheduler repeats nothing that is refused for good.
RETRY = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60}
INPUT = {
    "attempt": "<aws.scheduler.attempt-number>",
    "id": "<aws.scheduler.execution-id>",
    "schedule": "<aws.scheduler.schedule-arn>",
    "time": "<aws.scheduler.scheduled-time>",
}


class Scheduled:
    """Schedules with one call each, made at once, and the queues that they fill."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._sqs = server.client("sqs")
        self._scheduler = server.client("scheduler")
        self.group = new("group")
        self._scheduler.create_schedule_group(Name=self.group)
        names = ("allowed", "refused", "universal", "tokyo", "undelivered")
        self.urls = {
            name: self._sqs.create_queue(QueueName=new(name))["QueueUrl"] for name in names
        }
        send = {"Action": "sqs:SendMessage"}
        self.once("refused", self.arn("refused"), server.role("scheduler"))
        self.once(
            "universal",
            "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
            server.role("scheduler", send),
            given=json.dumps({"QueueUrl": self.urls["universal"], "MessageBody": "universal"}),
        )
        self.once("tokyo", self.arn("tokyo"), server.role("scheduler", send), zone=TOKYO)
        own = {**send, "Resource": self.arn("undelivered")}
        self.missing = f"arn:aws:states:{PLACE}:stateMachine:missing"
        self.once(
            "undelivered",
            self.missing,
            server.role("scheduler", own),
            DeadLetterConfig={"Arn": self.arn("undelivered")},
        )
        self.once("allowed", self.arn("allowed"), server.role("scheduler", send))
        #: Any server calls this one.
        self.allowed = self.message("allowed", SECONDS)
        assert self.allowed, "no schedule was called"

    def arn(self, name: str) -> str:
        """Return the ARN of a queue."""
        return f"arn:aws:sqs:{PLACE}:{self.urls[name].rpartition('/')[2]}"

    def message(self, name: str, seconds: float = 2.0) -> Any:
        """Return the message of a queue; nothing if none arrives."""

        def received() -> Any:
            answer = self._sqs.receive_message(
                QueueUrl=self.urls[name], MessageAttributeNames=["All"]
            )
            return answer.get("Messages")

        messages = eventually(received, seconds)
        return messages[0] if messages else None

    def once(
        self, name: str, target: str, role: str, zone: str = "UTC", given: str = "", **more: Any
    ) -> None:
        """Make a schedule that calls a target in a second."""
        moment = datetime.now(ZoneInfo(zone)) + timedelta(seconds=1)
        self._scheduler.create_schedule(
            Name=name,
            GroupName=self.group,
            ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
            ScheduleExpressionTimezone=zone,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": target,
                "RoleArn": role,
                "Input": given or json.dumps(INPUT),
                "RetryPolicy": RETRY,
                **more,
            },
        )


def scheduled(server: Any) -> Scheduled:
    """Return the schedules of a server, made once."""
    if "scheduled" not in server.cache:
        server.cache["scheduled"] = Scheduled(server)
    found: Scheduled = server.cache["scheduled"]
    return found


def schedule_sweeps(server: Any) -> bool:
    """Whether a schedule in Tokyo's time was called."""
    return scheduled(server).message("tokyo") is not None


def rights_of_schedules(server: Any) -> bool:
    """Whether a role without the right is refused, and one for another group not taken."""
    found = scheduled(server)
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "ArnEquals": {"aws:SourceArn": f"arn:aws:scheduler:{PLACE}:schedule-group/other"}
        },
    }
    role = server.client("iam").create_role(
        RoleName=new("role"),
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    try:
        found.once("untrusted", found.arn("refused"), role)
    except ClientError as error:
        is_checked = "must allow AWS EventBridge Scheduler" in str(error)
    else:
        is_checked = False
    return is_checked and found.message("refused") is None


def universal_targets(server: Any) -> bool:
    """Whether an action of a service was called."""
    message = scheduled(server).message("universal")
    return bool(message and message["Body"] == "universal")


def context_attributes(server: Any) -> bool:
    """Whether each attribute of the input was filled in."""
    found = scheduled(server)
    given = json.loads(found.allowed["Body"])
    arn = f"arn:aws:scheduler:{PLACE}:schedule/{found.group}/allowed"
    if given["schedule"] != arn or not re.fullmatch("[0-9a-f]{16}", given["id"]):
        return False
    age = datetime.now(UTC) - datetime.fromisoformat(given["time"])
    return bool(given["attempt"] == "1" and age < timedelta(minutes=1))


def undelivered_calls(server: Any) -> bool:
    """Whether a call that was refused is in the dead-letter queue, with the reason."""
    found = scheduled(server)
    message = found.message("undelivered")
    if message is None:
        return False
    texts = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    given = json.loads(message["Body"])
    return bool(
        texts["TARGET_ARN"] == found.missing
        and texts["ERROR_CODE"] == "AccessDeniedException"
        and texts["EXECUTION_ID"] == given["id"]
        and texts["SCHEDULED_TIME"] == given["time"]
        and texts["RETRY_ATTEMPTS"] == "0"
    )


def schedule_metrics(server: Any) -> bool:
    """Whether the calls of the group were counted."""
    found = scheduled(server)
    now = datetime.now(UTC)
    points = server.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Scheduler",
        MetricName="InvocationAttemptCount",
        Dimensions=[{"Name": "ScheduleGroup", "Value": found.group}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return bool(sum(point["Sum"] for point in points) >= len(found.urls))


def schedule_arns(server: Any) -> bool:
    """Whether the right on a schedule names its group."""
    found = scheduled(server)
    arn = f"arn:aws:scheduler:{PLACE}:schedule/{found.group}/allowed"
    own = server.client_with("scheduler", {"Action": "scheduler:GetSchedule", "Resource": arn})
    return bool(own.get_schedule(GroupName=found.group, Name="allowed")["Arn"] == arn)


CHECKS: tuple[Callable[[Any], bool], ...] = (
    schedule_sweeps,
    rights_of_schedules,
    universal_targets,
    context_attributes,
    undelivered_calls,
    schedule_metrics,
    schedule_arns,
)
