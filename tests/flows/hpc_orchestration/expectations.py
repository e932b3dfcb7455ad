"""Expectations of the batch computing in the tests of every flow."""

from __future__ import annotations

import secrets

from tests.flows.hpc_orchestration.support.runs import (
    COLLECT,
    DEAD_JOBS,
    MACHINE,
    SIMULATE,
    SOON,
    Runs,
    new_run,
)
from tests.support.expectations import FAILURE, Events, Expectations, Rights, Settings, Try
from tests.support.running import RunningFlow


def runs(running: RunningFlow) -> Runs:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Runs)
    return running


def rights(running: RunningFlow) -> Rights:
    """Return the calls that miss each right."""
    flow = runs(running)
    for service in ("stepfunctions", "batch", "dynamodb", "lambda", "s3", "events"):
        # boto3 does not let two threads make a client.
        flow.aws.client(service)
        flow.record("least-privilege", "done", status="DONE")
    run = new_run(1)
    flow.ended(flow.publish(run)[0])
    # Of a task that has ended.
    token = flow.records(run["runId"])["e0"]["token"]
    asked = {"runId": "least-privilege", "batch": "waiting", "shards": 2, "token": token}
    collect = flow.function("Collect")
    # It belongs to an execution that has ended, so its owner is found.
    received = {"event": {"detail": run}, "execution": "least-privilege"}

    def whole() -> str | None:
        """Run one entry through everything."""
        execution, _ = flow.ended(flow.publish(new_run(1))[0])
        return execution.error

    def stopped() -> str | None:
        """Stop an execution, and see that its job is stopped with it."""
        return None if flow.stops_its_job() else "the job goes on"

    def failed() -> str | None:
        """Have a job die, and see that its task fails."""
        return None if flow.fails_its_task(terminated=True) < SOON else "the task waits on"

    of_machine: dict[str, Try] = dict.fromkeys(
        (
            "AwsSdkS3PutObject",
            "BatchSubmitJobSync",
            "BatchSubmitJobSyncFollow",
            "BatchSubmitJobSyncReportEnd",
            "BatchSubmitJobSyncRevisions",
            "DynamodbGetItem",
            "DynamodbUpdateItem",
            "RunMapChildren",
        ),
        whole,
    )
    of_jobs = {
        (SIMULATE, "ReadPackage"): whole,
        (SIMULATE, "ReadAndWriteParts"): whole,
        (SIMULATE, "FindParts"): whole,
        (COLLECT, "ReadPackage"): whole,
        (COLLECT, "ReadPartsAndWritePrices"): whole,
        (COLLECT, "ReadToken"): whole,
        (COLLECT, "AnswerTask"): whole,
        (f"{MACHINE}-execution", "WriteJobLogs"): whole,
    }
    return Rights(
        {"CatchErrors": FAILURE, "ReceiveRun": received, "Collect": asked},
        {
            **{(MACHINE, name): one for name, one in of_machine.items()},
            (MACHINE, "BatchSubmitJobSyncStop"): stopped,
            (f"{DEAD_JOBS}-events", "StartExecution"): failed,
            (DEAD_JOBS, "DynamodbUpdateItem"): failed,
            (DEAD_JOBS, "AwsSdkSfnSendTaskFailure"): failed,
            (flow.role_of(collect), "AnswerAtOnce"): lambda: flow.error_of(
                collect, {**asked, "batch": "done"}
            ),
            (flow.role_of(collect), "SubmitJob"): lambda: flow.error_of(
                collect, {**asked, "batch": secrets.token_hex(4)}
            ),
            **of_jobs,
        },
    )


NETWORK: dict[str, list[str]] = {"subnet_ids": [], "security_group_ids": []}

EXPECTATIONS = Expectations(
    running=Runs,
    libraries={
        "hpc_orchestration.receive_run": set(),
        "hpc_orchestration.submit_collect": set(),
        "hpc_orchestration.catch_errors": set(),
    },
    wide={
        "SubmitJob": "a job definition has a new number in each revision",
        "BatchSubmitJobSyncRevisions": "a job definition has a new number in each revision",
        "BatchSubmitJobSyncFollow": "Batch describes jobs without a narrower resource",
        "BatchSubmitJobSyncStop": "Batch chooses the identifiers of jobs",
        "AwsSdkS3PutObject": "each run has files of its own",
        "ReadAndWriteParts": "each run has files of its own",
        "ReadPartsAndWritePrices": "each run has files of its own",
        "FindOwner": "each execution has a name of its own",
        "WriteJobLogs": "each container has a log stream of its own",
    },
    unasked={
        "FollowMapChildren": "the emulator follows children without a call",
        "RedriveMapChildren": "a redrive of the platform starts a new execution",
    },
    rights=rights,
    events=Events(good=lambda _: new_run(1), error="InvalidRun"),
    settings=Settings(
        wrong={"network": NETWORK, "max_concurrency": 0},
        sentences=[
            "hpc_orchestration.network needs at least one subnet",
            "hpc_orchestration.max_concurrency is a whole number",
        ],
        required="network",
    ),
)
