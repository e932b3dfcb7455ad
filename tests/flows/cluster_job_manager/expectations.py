"""Expectations of the cluster job manager in the tests of every flow."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import uuid4

from cluster_job_manager.job_queue import LEASE
from tests.flows.cluster_job_manager.support.jobs import NAME, TABLE, ClusterJobs, new_job
from tests.support.expectations import FAILURE, Events, Expectations, Marks, Rights, Settings, Try
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

GONE = "arn:aws:states:us-east-1:000000000000:execution:{}:{}"
#: Its functions, by their roles.
SCHEDULER, STOPPED = f"{NAME}-schedule-jobs", f"{NAME}-stopped-execution"
RIGHTS_OF_SCHEDULER = (
    "ReadToken",
    "ReadQueue",
    "ReadJobs",
    "ChangeJobs",
    "TakeLease",
    "GiveLease",
    "NotifyWaiting",
    "KeepWaiting",
    "LookAtExecution",
)
RIGHTS_OF_STOPPED = ("ReadToken", "ReadJobs", "EndJobs")
RIGHTS_OF_MACHINE = ("AwsSdkDynamodbPutItem", "DynamodbGetItem", "DynamodbUpdateItem")


def cluster_jobs(running: RunningFlow) -> ClusterJobs:
    """Return the flow as its own tests see it."""
    assert isinstance(running, ClusterJobs)
    return running


class Attempts:
    """Calls that need every right of the flow's roles.

    The schedule is off meanwhile, so that no other scheduler has the lease.
    """

    def __init__(self, flow: ClusterJobs) -> None:
        self._flow = flow
        self._client = flow.aws.client("dynamodb")
        flow.switch_schedule(on=False)
        # One core less than the largest job needs.
        flow.change_cluster(otherCpu=1)

    def schedule(self) -> str | None:
        """Start one job, send a heartbeat to another, and look at an execution that is gone."""
        large, event = self._flow.request(cpu=40)
        job, _ = self._flow.request()
        for each in (large, job):
            self._flow.wait_for_status(each, "QUEUED")
        self._client.update_item(
            TableName=TABLE,
            Key={"jobId": {"S": large}},
            UpdateExpression="SET beatAt = :long_ago",
            ExpressionAttributeValues={":long_ago": {"N": "1"}},
        )
        self._take_lease()
        self._put_granted(GONE.format(NAME, "gone"))
        error = self._fresh("ScheduleJobs", {})
        # After a time, no other job may start before it.
        self._flow.stop(event)
        self._flow.wait_for_status(large, "CANCELLED")
        return error

    def stopped(self) -> str | None:
        """End a job whose execution was stopped."""
        execution = GONE.format(NAME, "stopped")
        job = self._put_granted(execution)
        detail = {
            "executionArn": execution,
            "status": "ABORTED",
            "input": f'{{"detail": {{"jobId": "{job}"}}}}',
        }
        return self._fresh("StoppedExecution", {"detail": detail})

    def run(self) -> str | None:
        """Run a job to its end, whose record was there before."""
        job, event = self._flow.request()
        execution = self._flow.execution(event)

        def is_over() -> bool:
            self._take_lease()
            self._flow.round()
            return self._flow.executions.describe(execution.arn).is_over

        wait_for(is_over, f"end of the job {job}", 120)
        ended = self._flow.result(event)
        if ended.error:
            return ended.error
        # The same job again is looked up.
        [again] = self._flow.publish(new_job(jobId=job))
        return self._flow.result(again).error

    def after(self) -> None:
        """Let the schedule work again."""
        self._flow.change_cluster(otherCpu=0)
        self._flow.switch_schedule(on=True)

    def _put_granted(self, execution: str) -> str:
        job = f"granted-{uuid4().hex[:12]}"
        texts = {"jobId": job, "status": "GRANTED", "execution": execution, "cluster": "main"}
        numbers = ("cpu", "memoryGb", "grantedAt", "sentAt", "rank")
        self._client.put_item(
            TableName=TABLE,
            Item={
                **{name: {"S": text} for name, text in texts.items()},
                **{name: {"N": "0"} for name in numbers},
                "attempt": {"N": "1"},
            },
        )
        return job

    def _take_lease(self) -> None:
        """Take the lease away that a try without the right to give it back has left."""
        self._client.delete_item(TableName=TABLE, Key={"jobId": {"S": LEASE}})

    def _fresh(self, key: str, payload: Any) -> str | None:
        """Call a function that has read no secret yet."""
        client, name = self._flow.aws.client("lambda"), self._flow.function(key)
        found = client.get_function_configuration(FunctionName=name)
        client.update_function_configuration(FunctionName=name, Environment=found["Environment"])
        return self._flow.error_of(name, payload)


def rights(running: RunningFlow) -> Rights:
    """Return the calls that miss each right."""
    flow = cluster_jobs(running)
    attempts = Attempts(flow)
    request = {"jobId": "least-privilege", "attempt": 1, "cluster": "main"}
    tries: dict[tuple[str, str], Try] = {
        **{(SCHEDULER, right): attempts.schedule for right in RIGHTS_OF_SCHEDULER},
        **{(STOPPED, right): attempts.stopped for right in RIGHTS_OF_STOPPED},
        **{(NAME, right): attempts.run for right in RIGHTS_OF_MACHINE},
    }
    job = {**new_job(jobId="least-privilege"), "cpu": 1}
    return Rights(
        {
            "StartJobRun": {"job": job, "attempt": 1, "cluster": "main"},
            "GetJobStatus": request,
            "CancelJobRun": request,
            "CatchErrors": FAILURE,
        },
        tries,
        attempts.after,
    )


def marks(running: RunningFlow) -> Marks:
    """Run a job whose error output has a secret; a job has no personal data."""
    flow, token = cluster_jobs(running), secrets.token_hex(6)
    text = f"no access to jdbc:mysql://etl:{token}@db/orders"
    _, event = flow.request(maxAttempts=1, payload={"runSeconds": 0, "error": text})
    execution = flow.result(event)
    assert execution.error == "JobFailed"
    assert "no access to jdbc:mysql://etl:***@db/orders" in (execution.cause or "")
    return Marks()


EXPECTATIONS = Expectations(
    running=ClusterJobs,
    libraries={
        "cluster_job_manager.receive_job": {"requests"},
        "cluster_job_manager.start_job_run": {"requests"},
        "cluster_job_manager.get_job_status": {"requests"},
        "cluster_job_manager.cancel_job_run": {"requests"},
        "cluster_job_manager.schedule_jobs": {"requests"},
        "cluster_job_manager.stopped_execution": {"requests"},
        "cluster_job_manager.catch_errors": set(),
    },
    wide={
        "LookAtExecution": "the scheduler looks at the state machine's executions, by their names",
    },
    rights=rights,
    events=Events(good=lambda _: new_job(), error="InvalidJob"),
    marks=marks,
    settings=Settings(
        wrong={
            "clusters": {"main": {"url": "http://cluster.example.com", "cpu": 1, "memory_gb": 1}},
            "scheduler": {"heartbeat_seconds": 1},
            "poll": {"min_seconds": 0},
        },
        sentences=[
            "cluster_job_manager.clusters has at least one cluster",
            "cluster_job_manager.scheduler: ageing_seconds is 0 or more",
            "cluster_job_manager.poll: min_seconds is 1 or more",
        ],
        required="clusters",
    ),
)
