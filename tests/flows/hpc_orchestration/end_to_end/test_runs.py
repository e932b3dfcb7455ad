"""Runs are computed within their limits; what fails is named, and a redrive repeats no job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ops.executions.events import Event
from ops.flows import DeployedFlow
from ops.flows.hpc_orchestration import demo
from ops.settings import LOCAL
from tests.flows.hpc_orchestration.support.runs import BUCKET, MAX_CONCURRENCY, SOON, Runs, new_run
from tests.support.platform import Platform


@pytest.fixture(scope="module")
def runs(platform: Platform) -> Runs:
    return Runs(platform.settings)


def overlapping(spans: list[tuple[float, float]]) -> int:
    """Return how many of some spans are at most at the same time."""
    edges = sorted([(end, -1) for _, end in spans] + [(begin, 1) for begin, _ in spans])
    count = most = 0
    for _, step in edges:
        count += step
        most = max(most, count)
    return most


def spans_of(children: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """Return when executions began and ended."""
    return [(c["startDate"].timestamp(), c["stopDate"].timestamp()) for c in children]


@contextmanager
def forbidden(runs: Runs, key: str) -> Iterator[None]:
    """Refuse every write of an object."""
    s3 = runs.aws.client("s3")
    denied = {
        "Sid": "Test",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/{key}",
    }
    document = {"Version": "2012-10-17", "Statement": [denied]}
    # The local bucket has no policy: the emulator serves plain HTTP.
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(document))
    try:
        yield
    finally:
        s3.delete_bucket_policy(Bucket=BUCKET)


@pytest.mark.parametrize(("entries", "in_a_job"), [(2, 1), (50, 10), (500, 50)])
def test_every_entry_is_computed_within_the_limits(runs: Runs, entries: int, in_a_job: int) -> None:
    run = new_run(entries, entriesPerJob=in_a_job)

    execution, _ = runs.ended(runs.publish(run)[0], seconds=240)

    assert execution.status == "SUCCEEDED", execution.error
    children = runs.children(execution)
    assert len(children) == entries / in_a_job
    assert overlapping(spans_of(children)) <= MAX_CONCURRENCY
    jobs = runs.ended_jobs(run["runId"])
    # An array and a job that answers, for each batch.
    assert len(jobs) == 2 * len(children)
    assert {job["status"] for job in jobs} == {"SUCCEEDED"}
    found = [p for batch in runs.records(run["runId"]) for p in runs.prices(run["runId"], batch)]
    assert {price["name"] for price in found} == {entry["name"] for entry in run["entries"]}
    assert {price["paths"] for price in found} == {200}


def test_one_failed_child_fails_its_branch_and_a_redrive_repeats_nothing_else(
    runs: Runs,
) -> None:
    run = new_run(3)
    event = Event(1, "flowbridge.pricing", "Run Requested", json.dumps(run))
    with forbidden(runs, f"runs/{run['runId']}/e1/part-1.json"):
        execution, _ = runs.ended(*runs.send(event), seconds=120)

    assert (execution.status, execution.error) == ("FAILED", "EntriesFailed")
    message = runs.failed_message(execution)
    assert "1 of 3 entries failed: e1 (Array Child Job failed (job " in message["error"]["cause"]
    records = runs.records(run["runId"])
    assert [records[name]["status"] for name in ("e0", "e2")] == ["DONE", "DONE"]
    before = {job["jobId"] for job in runs.jobs(run["runId"])}

    again, _ = runs.ended(*runs.send(event), seconds=120)

    assert again.status == "SUCCEEDED"
    new = [job for job in runs.ended_jobs(run["runId"]) if job["jobId"] not in before]
    assert {job["jobName"].split("_")[1] for job in new} == {"e1"}
    assert len(new) == 2
    # The child that succeeded before found its part.
    [array] = [job["jobId"] for job in new if job["jobName"].endswith("_simulate")]
    lines = runs.aws.client("logs").filter_log_events(
        logGroupName="/aws/batch/flowbridge-local-hpc-orchestration"
    )["events"]
    child = runs.aws.client("batch").describe_jobs(jobs=[f"{array}:0"])["jobs"][0]
    stream = child["container"]["logStreamName"]
    [said] = [line["message"] for line in lines if line["logStreamName"] == stream]
    assert "shard was done before" in said


def test_the_same_run_several_times_at_once_is_computed_once(runs: Runs) -> None:
    run = new_run(2)

    events = runs.publish(*[run] * 3)
    ended = [runs.ended(event)[0] for event in events]
    later, _ = runs.ended(runs.publish(run)[0])

    assert {execution.status for execution in [*ended, later]} == {"SUCCEEDED"}
    answers = [execution.answer or {} for execution in [*ended, later]]
    [owner] = {answer["managedBy"] for answer in answers if "managedBy" in answer}
    assert owner in {execution.arn for execution in ended}
    assert [answer["failed"] for answer in answers if "managedBy" not in answer] == [[]]
    # An array and a job that answers, for each batch.
    assert len(runs.ended_jobs(run["runId"])) == 4


def test_another_run_of_the_same_id_is_refused(runs: Runs) -> None:
    run = new_run(1)
    first, _ = runs.ended(runs.publish(run)[0])

    execution, _ = runs.ended(runs.publish({**run, "paths": 300})[0])

    assert (execution.status, execution.error) == ("FAILED", "RunExists")
    assert first.arn in runs.failed_message(execution)["error"]["cause"]
    assert len(runs.ended_jobs(run["runId"])) == 2


def test_a_container_that_is_killed_fails_its_task_within_seconds(runs: Runs) -> None:
    assert runs.fails_its_task(terminated=True) < SOON


def test_a_job_that_fails_by_itself_fails_its_task(runs: Runs) -> None:
    assert runs.fails_its_task() < SOON


def test_a_stopped_run_stops_its_jobs(runs: Runs) -> None:
    assert runs.stops_its_job()


def test_no_job_and_no_log_has_a_task_token(runs: Runs) -> None:
    run = new_run(1)
    runs.ended(runs.publish(run)[0])
    token = runs.records(run["runId"])["e0"]["token"]

    jobs = runs.aws.client("batch").describe_jobs(
        jobs=[job["jobId"] for job in runs.jobs(run["runId"])]
    )["jobs"]
    lines = runs.aws.client("logs").filter_log_events(
        logGroupName="/aws/batch/flowbridge-local-hpc-orchestration"
    )["events"]

    assert len(token) > 10
    assert token not in json.dumps(jobs, default=str)
    assert not [line for line in lines if token in line["message"]]


def test_the_demo_shows_jobs_and_prices(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(DeployedFlow("hpc_orchestration", LOCAL, platform.aws.client, platform.outputs))

    text = capsys.readouterr().out
    assert "in-the-money_simulate" in text
    assert "at-the-money" in text
    assert '"name": "InvalidRun"' in text
