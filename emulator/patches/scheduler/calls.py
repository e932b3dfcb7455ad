"""Calls of targets by schedules, as their roles.

A call that fails for the moment is repeated as the schedule's retry policy says. After that, the
input goes to the dead-letter queue, with the schedule's role, and attributes that say why
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html).
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from emulator.patches.scheduler.requests import untrusted
from emulator.patches.scheduler.sweeps import Call
from emulator.patches.stepfunctions import services
from emulator.patches.stepfunctions.roles import Caller, session

JsonObject = dict[str, Any]

UNIVERSAL = re.compile(r"^arn:[^:]+:scheduler:::aws-sdk:([^:]+):([^:]+)$")
ATTRIBUTE = re.compile(r"<aws\.scheduler\.([a-z-]+)>")
#: AWS's defaults of a retry policy.
ATTEMPTS, AGE_SECONDS = 185, 86400
#: The first pause before a call is repeated, and the longest.
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
#: Errors of a caller that pass.
PASSING = ("Throttl", "TooManyRequests", "LimitExceeded")


class CallError(Exception):
    """A call failed.

    Parameters
    ----------
    code, message
        The error.
    passes
        Whether the call may succeed later.
    """

    def __init__(self, code: str, message: str, passes: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.passes = passes


@dataclass(frozen=True)
class Invocation:
    """One call of a schedule's target, with its retries."""

    schedule: JsonObject
    moment: float
    id: str = field(default_factory=lambda: uuid4().hex[:16])

    @property
    def target(self) -> JsonObject:
        """The schedule's target."""
        target: JsonObject = self.schedule["Target"]
        return target

    @property
    def time(self) -> str:
        """The moment for which it is."""
        return f"{datetime.fromtimestamp(self.moment, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def input(self, attempt: int) -> str:
        """Return the target's input, with its context attributes filled in."""
        known = {
            "schedule-arn": self.schedule["Arn"],
            "scheduled-time": self.time,
            "execution-id": self.id,
            "attempt-number": str(attempt),
        }
        text = self.target.get("Input") or self._event()
        return ATTRIBUTE.sub(lambda found: known.get(found[1], found[0]), text)

    def _event(self) -> str:
        _, _, _, region, account, _ = self.schedule["Arn"].split(":", 5)
        return json.dumps(
            {
                "version": "0",
                "id": str(uuid4()),
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": account,
                "time": self.time,
                "region": region,
                "resources": [self.schedule["Arn"]],
                "detail": "{}",
            }
        )


def caller(endpoint: str) -> Call:
    """Return what calls a schedule's target in a thread of its own."""

    def call(account: str, region: str, schedule: JsonObject, moment: float) -> None:
        group = f"arn:aws:scheduler:{region}:{account}:schedule-group/{schedule['GroupName']}"

        def work() -> None:
            from ministack.core.responses import set_request_account_id, set_request_region
            from ministack.services import cloudwatch

            set_request_account_id(account)
            set_request_region(region)

            def count(metric: str) -> None:
                dimensions = {"ScheduleGroup": schedule["GroupName"]}
                cloudwatch.record_metric("AWS/Scheduler", metric, 1, "Count", dimensions)

            role = schedule["Target"]["RoleArn"]
            who = Caller(group, session(role, region, account, "schedule"), endpoint)
            deliver(
                Invocation(schedule, moment),
                lambda given: call_target(who, group, schedule["Target"], given),
                lambda letter: who.client("sqs").send_message(**letter),
                count,
                endpoint,
            )

        threading.Thread(target=work, daemon=True).start()

    return call


def deliver(
    invocation: Invocation,
    call: Callable[[str], None],
    send: Callable[[JsonObject], Any],
    count: Callable[[str], None],
    endpoint: str = "",
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> None:
    """Call a target until it takes the call, or the retry policy ends.

    Parameters
    ----------
    invocation
        The call.
    call
        Calls the target with an input; raises `CallError`.
    send
        Sends a message to a queue.
    count
        Counts one in a metric.
    endpoint
        The emulator's URL, where the queue is.
    sleep, clock
        The clock.
    """

    def call_counted(attempt: int) -> None:
        count("InvocationAttemptCount")
        try:
            call(invocation.input(attempt))
        except CallError:
            count("TargetErrorCount")
            raise

    def wait(seconds: float, go_on: Callable[[], None]) -> None:
        sleep(seconds)
        go_on()

    repeat(
        call_counted,
        lambda problem, attempt, is_late: break_off(
            invocation, problem, attempt, is_late, send, count, endpoint
        ),
        invocation.target.get("RetryPolicy") or {},
        invocation.moment,
        wait,
        clock,
    )


def repeat(
    call: Callable[[int], None],
    give_up: Callable[[CallError, int, bool], None],
    policy: Mapping[str, int],
    moment: float,
    later: Callable[[float, Callable[[], None]], None],
    clock: Callable[[], float] = time.time,
    attempt: int = 1,
    pause: float = FIRST_SECONDS,
) -> None:
    """Make a call until it succeeds, or its retry policy ends.

    Parameters
    ----------
    call
        Makes the call, given the number of the attempt; raises `CallError`.
    give_up
        Gets the last error, the number of attempts, and whether the call is too old for another.
    policy
        The retry policy of the target.
    moment
        The time of the event or schedule.
    later
        Does something after some seconds.
    clock
        Returns the time.
    attempt, pause
        The number of this attempt, and the seconds before the next one.
    """
    try:
        call(attempt)
    except CallError as problem:
        is_late = clock() + pause > moment + policy.get("MaximumEventAgeInSeconds", AGE_SECONDS)
        is_last = attempt > policy.get("MaximumRetryAttempts", ATTEMPTS)
        if is_last or is_late or not problem.passes:
            give_up(problem, attempt, is_late)
            return
        longer = min(2 * pause, LONGEST_SECONDS)
        go_on = partial(repeat, call, give_up, policy, moment, later, clock, attempt + 1, longer)
        later(pause, go_on)


def break_off(
    invocation: Invocation,
    problem: CallError,
    attempt: int,
    is_late: bool,
    send: Callable[[JsonObject], Any],
    count: Callable[[str], None],
    endpoint: str,
) -> None:
    """Give up a call: send it to the dead-letter queue, if there is one."""
    from botocore.exceptions import BotoCoreError, ClientError

    count("InvocationDroppedCount")
    queue = (invocation.target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue:
        return
    account, name = queue.split(":")[4:6]
    texts = {
        "SCHEDULE_ARN": invocation.schedule["Arn"],
        "TARGET_ARN": invocation.target["Arn"],
        "EXECUTION_ID": invocation.id,
        "SCHEDULED_TIME": invocation.time,
        "ERROR_CODE": problem.code,
        "ERROR_MESSAGE": problem.message,
        "EXHAUSTED_RETRY_CONDITION": (
            "MaximumEventAgeInSeconds" if is_late else "MaximumRetryAttempts"
        ),
        "RETRY_ATTEMPTS": str(attempt - 1),
        "IS_PAYLOAD_TRUNCATED": "false",
    }
    letter = {
        "QueueUrl": f"{endpoint}/{account}/{name}",
        "MessageBody": invocation.input(attempt),
        "MessageAttributes": {
            key: {"DataType": "String", "StringValue": text} for key, text in texts.items()
        },
    }
    try:
        send(letter)
    except (BotoCoreError, ClientError):
        count("InvocationsFailedToBeSentToDeadLetterCount")
    else:
        count("InvocationsSentToDeadLetterCount")


def call_target(who: Caller, group: str, target: Mapping[str, Any], given: str) -> None:
    """Call a target.

    Raises
    ------
    CallError
        When it does not take the call.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    if cause := untrusted(target["RoleArn"], group):
        raise CallError("AccessDeniedException", cause)
    try:
        call_as(who, target, given)
    except ClientError as error:
        details = error.response["Error"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        passes = status >= 500 or any(word in details["Code"] for word in PASSING)
        raise CallError(details["Code"], details.get("Message", ""), passes) from None
    except BotoCoreError as error:
        raise CallError(type(error).__name__, str(error), passes=True) from None


def call_as(who: Caller, target: Mapping[str, Any], given: str) -> None:
    """Call a target with the rights of a caller."""
    arn = target["Arn"]
    if universal := UNIVERSAL.match(arn):
        services.perform(who, universal[1], universal[2], json.loads(given))
        return
    service, account, name = arn.split(":")[2], arn.split(":")[4], arn.split(":")[-1]
    if service == "states":
        who.client("stepfunctions").start_execution(stateMachineArn=arn, input=given)
    elif service == "lambda":
        who.client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=given)
    elif service == "sqs":
        url = f"{who.endpoint}/{account}/{name}"
        who.client("sqs").send_message(QueueUrl=url, MessageBody=given)
    elif service == "sns":
        who.client("sns").publish(TopicArn=arn, Message=given)
    elif service == "events":
        kind = target["EventBridgeParameters"]
        entry = {"EventBusName": arn, "Source": kind["Source"], "DetailType": kind["DetailType"]}
        who.client("events").put_events(Entries=[{**entry, "Detail": given}])
    else:
        raise CallError("UnsupportedTarget", f"The emulator's schedules do not call {arn}.")
