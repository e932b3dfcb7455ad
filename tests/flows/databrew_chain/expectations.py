"""Expectations of the chain of DataBrew jobs in the tests of every flow."""

from __future__ import annotations

from typing import Any

from ops.executions.executions import Execution
from tests.flows.databrew_chain.support.chain import (
    MACHINE,
    SOURCE,
    TARGET,
    Chain,
    report,
)
from tests.support.expectations import Events, Expectations, Rights, Settings, Try
from tests.support.forwarding import forwarding
from tests.support.running import RunningFlow

#: Errors of calls that the role may do.
ALLOWED = ("DynamoDB.ConditionalCheckFailedException",)
BUSY = "DataBrew.ConflictException"
#: The states with rights of their own, by the rights' statements.
STATES = {
    "DynamodbPutItem": "ClaimRun",
    "DynamodbUpdateItem": "FinishRun",
    "DatabrewStartJobRunSync": "StartTargetJob",
    "DatabrewStartJobRunSyncFollow": "StartTargetJob",
}


def chain(running: RunningFlow) -> Chain:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Chain)
    return running


def rights(running: RunningFlow) -> Rights:
    """Return the task or the run of a job that misses each right."""
    flow = chain(running)
    flow.chained(flow.run_source())
    variables: dict[str, Any] = {
        "run": {"id": f"rights-{report()['jobRunId']}", "previous": "none"},
        "targetRun": "none",
    }

    def task(state: str) -> Try:
        def error_of() -> str | None:
            error = flow.task_alone(state, variables)
            while error == BUSY:
                error = flow.task_alone(state, variables)
            return None if error in ALLOWED else error

        return error_of

    def run(job: str) -> Try:
        def error_of() -> str | None:
            begun = flow.started(job)
            ended = flow.run_ended(job, begun)
            return None if ended["State"] == "SUCCEEDED" else str(ended["ErrorMessage"])

        return error_of

    # boto3 does not let two threads make a client.
    for service in ("stepfunctions", "databrew"):
        flow.aws.client(service)
    return Rights(
        tries={
            **forwarding(flow, lambda: flow.started(SOURCE)),
            **{(MACHINE, sid): task(state) for sid, state in STATES.items()},
            **{
                (job, sid): run(job)
                for job in (SOURCE, TARGET)
                for sid in ("FindInput", "ReadInput", "WriteOutput")
            },
        }
    )


def good(_: RunningFlow) -> dict[str, str]:
    """Return the event of a run that goes on, which is taken and starts nothing."""
    return report(state="RUNNING")


def send(running: RunningFlow) -> Execution:
    """Run the source job, and return the execution that runs the target job."""
    flow = chain(running)
    return flow.chained(flow.run_source())[0]


EXPECTATIONS = Expectations(
    running=Chain,
    libraries={"databrew_chain.catch_errors": set()},
    wide={
        "ReadInput": "a data set is a folder, whose files the job's owner names",
        "WriteOutput": "DataBrew names the files of an output",
    },
    rights=rights,
    events=Events(good=good),
    send=send,
    settings=Settings(
        wrong={
            "delete_columns": ["Education_Level"],
            "job_minutes": 0,
        },
        sentences=[
            "the source job deletes remove_rows.column",
            "job_minutes is 1 to 180",
        ],
        required="remove_rows",
    ),
)
