"""The services that a task can call, each with the rights of its caller.

- ``aws-sdk:<service>:<action>`` calls any action of any service.
- An optimized integration calls one action, and its errors have names of their own. With ``.sync``
  it waits for the end of the job that it began, and stops the job when the execution ends before.
- Functions and nested executions run within MiniStack's process, so their policies are asked first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from emulator import policies
from emulator.patches.stepfunctions import endpoints, roles, services
from emulator.patches.stepfunctions.roles import Caller
from emulator.patches.stepfunctions.services import Errors

PREFIX = "arn:aws:states:::"
SDK = re.compile(r"^arn:aws:states:::aws-sdk:([A-Za-z0-9-]+):([A-Za-z0-9]+)")
OPTIMIZED = re.compile(r"^arn:aws:states:::([a-z0-9-]+:[A-Za-z]+)(\.[A-Za-z]+(?::2)?)?$")
POLL_SECONDS = 0.2

Invoke = Callable[[str, Any], Any]
#: Calls an action as the task's caller, given its arguments.
Action = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Job:
    """How a job is followed that an integration with ``.sync`` began.

    Parameters
    ----------
    describe, stop
        The actions that describe and stop the job.
    job
        Returns the arguments that name the job, given the answer of its begin and the arguments.
    described
        Returns the job of a description.
    status
        Returns the job's status.
    ended
        The statuses of success and of failure.
    """

    describe: str
    stop: str
    job: Callable[[Any, Any], Any]
    status: Callable[[Any], str]
    succeeded: frozenset[str]
    failed: frozenset[str]
    described: Callable[[Any], Any] = lambda found: found
    stopped: Callable[[Any, Any], Any] | None = None


@dataclass(frozen=True)
class Integration:
    """One optimized integration: the service, the action, its errors, and its job."""

    service: str
    action: str
    errors: Errors
    job: Job | None = None
    #: Returns why an answer counts as a failure; an empty text when it does not.
    failure: Callable[[Any], str] = lambda _: ""


ATHENA = Errors("Athena", "AmazonAthenaException")
DYNAMODB = Errors("DynamoDB", "AmazonDynamoDBException")

#: https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
INTEGRATIONS: dict[str, Integration] = {
    "sqs:sendMessage": Integration("sqs", "sendMessage", Errors("SQS", "AmazonSQSException")),
    "sns:publish": Integration("sns", "publish", Errors("SNS", "AmazonSNSException")),
    "events:putEvents": Integration(
        "eventbridge",
        "putEvents",
        Errors("EventBridge", "AmazonEventBridgeException"),
        failure=lambda answer: json.dumps(answer) if answer["FailedEntryCount"] else "",
    ),
    **{
        f"dynamodb:{action}": Integration("dynamodb", action, DYNAMODB)
        for action in ("getItem", "putItem", "updateItem", "deleteItem")
    },
    "athena:startQueryExecution": Integration(
        "athena",
        "startQueryExecution",
        ATHENA,
        Job(
            describe="getQueryExecution",
            stop="stopQueryExecution",
            job=lambda begun, _: {"QueryExecutionId": begun["QueryExecutionId"]},
            status=lambda job: str(job["QueryExecution"]["Status"]["State"]),
            succeeded=frozenset({"SUCCEEDED"}),
            failed=frozenset({"FAILED", "CANCELLED"}),
        ),
    ),
    **{
        f"athena:{action}": Integration("athena", action, ATHENA)
        for action in ("stopQueryExecution", "getQueryExecution", "getQueryResults")
    },
    "glue:startJobRun": Integration(
        "glue",
        "startJobRun",
        Errors("Glue", "AWSGlueException"),
        Job(
            describe="getJobRun",
            stop="batchStopJobRun",
            job=lambda begun, asked: {"JobName": asked["JobName"], "RunId": begun["JobRunId"]},
            stopped=lambda begun, asked: {
                "JobName": asked["JobName"],
                "JobRunIds": [begun["JobRunId"]],
            },
            described=lambda found: found["JobRun"],
            status=lambda job: str(job["JobRunState"]),
            succeeded=frozenset({"SUCCEEDED"}),
            failed=frozenset({"FAILED", "ERROR", "TIMEOUT", "STOPPED"}),
        ),
    ),
    "databrew:startJobRun": Integration(
        "databrew",
        "startJobRun",
        Errors("DataBrew", "AWSGlueDataBrewException"),
        Job(
            describe="describeJobRun",
            stop="stopJobRun",
            job=lambda begun, asked: {"Name": asked["Name"], "RunId": begun["RunId"]},
            status=lambda job: str(job["State"]),
            succeeded=frozenset({"SUCCEEDED"}),
            failed=frozenset({"FAILED", "TIMEOUT", "STOPPED"}),
        ),
    ),
    "batch:submitJob": Integration(
        "batch",
        "submitJob",
        Errors("Batch", "AWSBatchException"),
        Job(
            describe="describeJobs",
            stop="terminateJob",
            job=lambda begun, _: {"Jobs": [begun["JobId"]]},
            stopped=lambda begun, _: {
                "JobId": begun["JobId"],
                "Reason": "The execution that submitted the job ended.",
            },
            described=lambda found: found["Jobs"][0],
            status=lambda job: str(job["Status"]),
            succeeded=frozenset({"SUCCEEDED"}),
            failed=frozenset({"FAILED"}),
        ),
    ),
}
#: Jobs whose end AWS learns by a rule that it manages in the account; the role makes that rule.
MANAGED_RULES = {
    "batch:submitJob": "StepFunctionsGetEventsForBatchJobsRule",
    "states:startExecution": "StepFunctionsGetEventsForStepFunctionsExecutionRule",
}
RULE_ACTIONS = ("events:PutTargets", "events:PutRule", "events:DescribeRule")


def apply(endpoint: str) -> None:
    """Replace MiniStack's functions."""
    from ministack.services import stepfunctions as machines

    who = partial(roles.caller, machines, endpoint)
    by_arn: dict[str, Invoke] = {
        f"{PREFIX}{name}": partial(run, machines, who, name, integration)
        for name, integration in INTEGRATIONS.items()
    }
    by_arn[f"{PREFIX}apigateway:invoke"] = lambda _, asked: endpoints.api(
        who(), machines._ExecutionError, asked
    )
    by_arn[f"{PREFIX}http:invoke"] = lambda _, asked: endpoints.http(
        who(), machines._ExecutionError, asked
    )
    # Its entries are beginnings of ARNs: getItem would take getItems too.
    machines._SERVICE_DISPATCH = {**machines._SERVICE_DISPATCH, **by_arn}
    machines._invoke_aws_sdk_integration = partial(run_sdk, machines, who)
    machines._call_lambda = with_rights(machines, who, machines._call_lambda)
    for name in ("_invoke_nested_start_execution", "_invoke_nested_start_execution_sync"):
        setattr(machines, name, nested_with_rights(machines, who, getattr(machines, name)))


def run_sdk(machines: Any, who: Callable[[], Caller], resource: str, arguments: Any) -> Any:
    """Call the action that an SDK integration names."""
    match = SDK.match(resource)
    if match is None:
        raise machines._ExecutionError("States.Runtime", f"{resource} names no action of AWS.")
    return services.call(who(), machines._ExecutionError, match[1], match[2], arguments)


def run(
    machines: Any,
    who: Callable[[], Caller],
    name: str,
    integration: Integration,
    resource: str,
    arguments: Any,
) -> Any:
    """Run an optimized integration, and with ``.sync`` wait for its job."""
    caller = who()

    def action(called: str, asked: Any) -> Any:
        return services.call(
            caller,
            machines._ExecutionError,
            integration.service,
            called,
            asked,
            integration.errors,
        )

    waits = ".sync" in resource
    if waits and name in MANAGED_RULES:
        check_rule(machines, caller, MANAGED_RULES[name], integration.errors)
    answer = action(integration.action, arguments)
    if cause := integration.failure(answer):
        raise machines._ExecutionError(f"{integration.errors.prefix}.FailedEntry", cause)
    if not (waits and integration.job):
        return answer
    return followed(machines, integration.job, action, answer, arguments)


def followed(machines: Any, job: Job, action: Action, begun: Any, asked: Any) -> Any:
    """Return a job that succeeded, once it did.

    Raises
    ------
    machines._ExecutionError
        ``States.TaskFailed`` with the description of a job that failed.
    """
    named = job.job(begun, asked)
    try:
        while True:
            found = job.described(action(job.describe, named))
            status = job.status(found)
            if status in job.succeeded:
                return found
            if status in job.failed:
                raise machines._ExecutionError("States.TaskFailed", json.dumps(found))
            # The interpreter's own clock ends the wait when the execution ends.
            machines.time.sleep(POLL_SECONDS)
    except machines._ExecutionError:
        raise
    except BaseException:
        action(job.stop, (job.stopped or job.job)(begun, asked))
        raise


def with_rights(
    machines: Any, who: Callable[[], Caller], invoke: Callable[[str, Any], Any]
) -> Callable[[str, Any], Any]:
    """Return MiniStack's call of a function, if the caller may invoke it."""

    def invoke_as_caller(function: str, event: Any) -> Any:
        caller = who()
        arn = function_arn(function, caller)
        if cause := policies.role_refusal(caller.credentials.role, "lambda:InvokeFunction", arn):
            raise machines._ExecutionError("Lambda.AWSLambdaException", cause)
        return invoke(function, event)

    return invoke_as_caller


def function_arn(function: str, caller: Caller) -> str:
    """Return a function's ARN, of its name or its ARN, with its qualifier if it has one."""
    if function.startswith("arn:"):
        return function
    return f"arn:aws:lambda:{caller.region}:{caller.account}:function:{function}"


def nested_with_rights(machines: Any, who: Callable[[], Caller], start: Invoke) -> Invoke:
    """Return MiniStack's start of an execution, if the caller may start and follow it."""
    errors = Errors("StepFunctions", "AWSStepFunctionsException")

    def start_as_caller(resource: str, arguments: Any) -> Any:
        caller = who()
        asked: Mapping[str, Any] = arguments if isinstance(arguments, dict) else {}
        arn = str(asked.get("StateMachineArn") or asked.get("stateMachineArn") or "")
        found = roles.MACHINE.match(arn)
        machine = found[0] if found else arn
        rights = {"states:StartExecution": machine}
        if ".sync" in resource:
            executions = machine.replace(":stateMachine:", ":execution:") + ":*"
            rights |= {"states:DescribeExecution": executions, "states:StopExecution": executions}
        for action, target in rights.items():
            if cause := policies.role_refusal(caller.credentials.role, action, target):
                raise machines._ExecutionError(f"{errors.prefix}.{errors.general}", cause)
        if ".sync" in resource:
            check_rule(machines, caller, MANAGED_RULES["states:startExecution"], errors)
        return start(resource, arguments)

    return start_as_caller


def check_rule(machines: Any, caller: Caller, rule: str, errors: Errors) -> None:
    """Check that the caller may make the rule by which AWS learns of a job's end.

    Raises
    ------
    machines._ExecutionError
        When it may not.
    """
    arn = f"arn:aws:events:{caller.region}:{caller.account}:rule/{rule}"
    for action in RULE_ACTIONS:
        if cause := policies.role_refusal(caller.credentials.role, action, arn):
            raise machines._ExecutionError(f"{errors.prefix}.{errors.general}", cause)
