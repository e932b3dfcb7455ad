"""Jobs from their request to their end: granted by the scheduler, run once, stopped, retried."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from ops.flows import DeployedFlow
from ops.flows.cluster_job_manager import demo, inspect
from ops.recovery import dead_letters
from ops.settings import LOCAL
from tests.flows.cluster_job_manager.support.jobs import (
    CPU,
    FLOW,
    TABLE,
    ClusterJobs,
    most_at_once,
    new_job,
)
from tests.support.platform import Platform, wait_for

LONG = {"runSeconds": 600}
#: Seconds without a heartbeat, in place of the hour of the settings.
HEARTBEAT = 4


@pytest.fixture(scope="module")
def jobs(platform: Platform) -> ClusterJobs:
    return ClusterJobs(platform.settings)


def test_the_schedule_starts_a_job_that_answers(jobs: ClusterJobs) -> None:
    """Nothing but the schedule calls the scheduler."""
    job, event = jobs.request(payload={"runSeconds": 1, "text": "to be or not to be"})

    execution = jobs.result(event)

    assert execution.status == "SUCCEEDED"
    answer = execution.answer or {}
    assert (answer["jobId"], answer["status"], answer["attempts"]) == (job, "SUCCEEDED", 1)
    assert answer["result"]["common"] == {"to": 2, "be": 2, "or": 1, "not": 1}
    assert jobs.record(job)["status"] == "SUCCEEDED"
    deployed = DeployedFlow(FLOW, LOCAL, jobs.aws.client, jobs.outputs)
    contents = inspect(deployed).look([execution])
    assert contents.missing(execution) == []


def test_the_demo_shows_a_night_of_jobs(
    jobs: ClusterJobs, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs.change_cluster(forget=True)

    demo(DeployedFlow(FLOW, LOCAL, jobs.aws.client, jobs.outputs))

    text = capsys.readouterr().out
    assert "24 of 24 jobs succeeded in 25 runs." in text
    assert "FAILED, attempt 1" in text
    assert "refuse 0 runs" in text
    assert '"name": "JobTooLarge"' in text


def test_the_same_job_several_times_at_once_runs_once(jobs: ClusterJobs) -> None:
    job = new_job(payload={"runSeconds": 1})

    events = jobs.publish(*[job] * 4)
    ended = [jobs.result(event) for event in events]

    assert {execution.status for execution in ended} == {"SUCCEEDED"}
    assert len(jobs.runs([job["jobId"]])[job["jobId"]]) == 1
    again = jobs.result(*jobs.publish(job))
    assert (again.answer or {})["managedBy"] in {execution.arn for execution in ended}


def test_another_job_of_the_same_id_is_refused(jobs: ClusterJobs) -> None:
    job = new_job()
    jobs.result(*jobs.publish(job))

    execution = jobs.result(*jobs.publish({**job, "cpu": 5}))

    assert (execution.status, execution.error) == ("FAILED", "JobExists")


def test_a_client_may_start_the_execution_itself(jobs: ClusterJobs) -> None:
    """Named after its event, so that the reconciliation knows it."""
    job, event = new_job(), str(uuid4())
    given = {**jobs.example, "id": event, "resources": [], "detail": job}
    jobs.aws.client("stepfunctions").start_execution(
        stateMachineArn=jobs.flow.state_machine_arn, name=event, input=json.dumps(given)
    )

    assert jobs.result(event).status == "SUCCEEDED"
    run = jobs.make("reconcile", f"FLOW={FLOW}", "SINCE=10m", "JSON=yes")
    # Progress comes before the document, and the number of calls after it.
    found, _ = json.JSONDecoder().raw_decode(run.text[run.text.index("{") :])
    fates = {one["event"]: one["fate"] for one in found["events"]}
    assert fates[event] == "arrived"


def test_a_job_that_no_cluster_could_hold_is_refused_at_once(jobs: ClusterJobs) -> None:
    with jobs.without_schedule():
        job, event = jobs.request(cpu=CPU + 1)
        execution = jobs.result(event)

    assert (execution.status, execution.error) == ("FAILED", "JobTooLarge")
    assert jobs.record(job) == {}


def test_stopping_an_execution_cancels_its_run(jobs: ClusterJobs) -> None:
    job, event = jobs.request(payload=LONG)
    jobs.wait_for_status(job, "RUNNING", seconds=90)

    jobs.stop(event)

    assert jobs.wait_for_status(job, "CANCELLED")["error"] == "the execution was ABORTED"
    [run] = jobs.runs([job])[job]
    assert run["state"] == "CANCELLED"
    jobs.settle()


def test_stopping_an_execution_that_waits_takes_its_job_out_of_the_queue(
    jobs: ClusterJobs,
) -> None:
    with jobs.without_schedule():
        job, event = jobs.request()
        jobs.wait_for_status(job, "QUEUED")
        jobs.stop(event)
        jobs.wait_for_status(job, "CANCELLED")
        assert jobs.round()["started"] == 0

    assert jobs.runs([job])[job] == []


def test_a_job_that_fails_is_kept_with_its_error_and_can_be_redriven(jobs: ClusterJobs) -> None:
    error = "java.io.IOException: no disk; password=S3cret"
    job, event = jobs.request(payload={"error": error, "errorTimes": 2}, maxAttempts=2)

    execution = jobs.result(event)

    assert (execution.status, execution.error) == ("FAILED", "JobFailed")
    cause = "FAILED on main: java.io.IOException: no disk; password=***"
    assert execution.cause == cause
    sqs, url = jobs.aws.client("sqs"), jobs.flow.failed_queue_url
    letters = dead_letters.look(sqs, dead_letters.FAILED, url)
    [letter] = [one for one in letters if one.execution == execution.arn]
    assert (letter.error, letter.cause) == ("JobFailed", cause)
    again = letter.again()
    assert again
    redriven = jobs.result(*jobs.send(again))
    assert (redriven.status, (redriven.answer or {})["attempts"]) == ("SUCCEEDED", 3)
    runs = jobs.runs([job])[job]
    assert [run["state"] for run in runs] == ["FAILED", "FAILED", "SUCCEEDED"]
    dead_letters.remove(
        sqs, dead_letters.FAILED, url, lambda one: one.message_id == letter.message_id
    )


def test_a_job_over_its_time_is_cancelled(jobs: ClusterJobs) -> None:
    job, event = jobs.request(payload=LONG, timeLimitSeconds=1)

    execution = jobs.result(event)

    assert (execution.status, execution.error) == ("FAILED", "JobTimedOut")
    assert [run["state"] for run in jobs.runs([job])[job]] == ["CANCELLED"]
    jobs.settle()


def test_a_lost_record_is_written_again(jobs: ClusterJobs) -> None:
    """An execution without a record gets no heartbeat, and makes its request again."""

    def with_short_heartbeat(definition: dict[str, Any]) -> dict[str, Any]:
        definition["States"]["JobQueueRequest"]["HeartbeatSeconds"] = HEARTBEAT
        return definition

    beats = {"ScheduleJobs": {"HEARTBEAT_SECONDS": str(HEARTBEAT)}}
    with jobs.without_schedule(), jobs.redefined(with_short_heartbeat), jobs.configured(beats):
        job, event = jobs.request()
        record = jobs.wait_for_status(job, "QUEUED")
        client = jobs.aws.client("dynamodb")
        client.delete_item(TableName=TABLE, Key={"jobId": {"S": job}})
        again = jobs.wait_for_status(job, "QUEUED")
        assert again["token"] != record["token"]
        assert again["rank"] == record["rank"]

        def is_over() -> bool:
            jobs.round()
            return bool(jobs.record(job)["status"] == "SUCCEEDED")

        wait_for(is_over, "the end of the job")
    ended = jobs.result(event)
    assert ended.status == "SUCCEEDED"
    history = jobs.aws.client("stepfunctions").get_execution_history(executionArn=ended.arn)
    kinds = ("taskTimedOutEventDetails", "taskFailedEventDetails")
    errors = [one[kind]["error"] for one in history["events"] for kind in kinds if kind in one]
    assert set(errors) == {"States.HeartbeatTimeout"}


def test_jobs_start_by_priority_and_never_exceed_the_cluster(jobs: ClusterJobs) -> None:
    jobs.settle()
    jobs.change_cluster(forget=True)
    with jobs.without_schedule():
        given = [
            new_job(cpu=8, memoryGb=8, priority=n % 10, payload={"runSeconds": 1})
            for n in range(20)
        ]
        events = jobs.publish(*given)
        for job in given:
            jobs.wait_for_status(job["jobId"], "QUEUED")

        def all_over() -> bool:
            jobs.round()
            statuses = {jobs.record(job["jobId"])["status"] for job in given}
            return statuses == {"SUCCEEDED"}

        wait_for(all_over, "the end of all jobs", 90)
    granted = sorted(given, key=lambda job: float(jobs.record(job["jobId"])["grantedAt"]))
    priorities = [job["priority"] for job in granted]
    assert priorities == sorted(priorities, reverse=True)
    overview = jobs.cluster()
    assert overview["refused"] == 0
    assert most_at_once(overview["runs"]) <= CPU
    with ThreadPoolExecutor(8) as pool:
        assert {one.status for one in pool.map(jobs.result, events)} == {"SUCCEEDED"}
    jobs.settle()
