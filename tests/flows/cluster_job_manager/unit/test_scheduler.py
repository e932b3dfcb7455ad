"""The scheduler gives each job its space once, also when it is ended, or not alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import pytest

from cluster_job_manager import cluster, schedule_jobs, stopped_execution
from cluster_job_manager.job_queue import CANCELLED, QUEUED
from cluster_job_manager.jobs import EMPTY, Space
from tests.flows.cluster_job_manager.support.table import EXECUTION, TABLE, Jobs
from tests.support.functions import LambdaContext


@pytest.fixture
def jobs(aws: Callable[[str], Any]) -> Jobs:
    return Jobs(aws("dynamodb"))


def test_jobs_get_their_space_by_priority(jobs: Jobs) -> None:
    jobs.request("low", cpu=20, priority=1)
    jobs.request("high", cpu=20, priority=9)
    jobs.request("middle", cpu=20, priority=5)

    assert jobs.scheduler.round() == {"started": 2, "resent": 0}

    assert jobs.granted == ["high", "middle"]
    assert [jobs.status(job) for job in ("high", "middle", "low")] == ["GRANTED", "GRANTED", QUEUED]
    assert jobs.queue.granted("main") == Space(40, 8)


def test_the_second_round_grants_nothing_that_the_metrics_do_not_show_yet(jobs: Jobs) -> None:
    jobs.played.sample_seconds = 60
    for number in range(20):
        jobs.request(f"job-{number}")
    jobs.scheduler.round()
    assert len(jobs.granted) == 10

    # Nothing was submitted, then all is, and the sample is of before.
    for _ in range(2):
        jobs.scheduler.round()
        for job in jobs.granted[:]:
            if jobs.status(job) == "GRANTED":
                jobs.submit(job)
        assert len(jobs.granted) == 10
    # A sample shows them.
    jobs.clock.now += 120
    jobs.scheduler.round()

    assert len(jobs.granted) == 10
    assert jobs.played.refused == 0


def test_the_load_of_others_is_left_alone(jobs: Jobs) -> None:
    jobs.played.other_cpu = 33
    for number in range(5):
        jobs.request(f"job-{number}")

    jobs.scheduler.round()
    jobs.submit("job-0")
    jobs.clock.now += 1
    jobs.scheduler.round()

    assert jobs.granted == ["job-0"]


def test_two_schedulers_at_once_start_a_job_once_and_keep_to_the_size(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    # moto's transactions are not isolated, as DynamoDB's are.
    lock, together = Lock(), jobs.queue._together

    def isolated(*updates: Any) -> bool:
        with lock:
            return together(*updates)

    monkeypatch.setattr(jobs.queue, "_together", isolated)
    for number in range(30):
        jobs.request(f"job-{number}", cpu=3)

    with ThreadPoolExecutor(2) as pool:
        rounds = [pool.submit(jobs.new_scheduler().round) for _ in range(2)]
        started = sum(one.result()["started"] for one in rounds)

    assert len(jobs.granted) == len(set(jobs.granted)) == started
    assert Space(40, 160).holds(jobs.queue.granted("main"))
    # The next round grants the space that one could not grant because of the other.
    jobs.scheduler.round()
    assert len(jobs.granted) == 13


def test_a_scheduler_with_an_old_view_exceeds_nothing(jobs: Jobs) -> None:
    jobs.request("first", cpu=30)
    jobs.request("second", cpu=30)
    first, second = jobs.queue.with_status(QUEUED)
    size = Space(40, 160)

    assert jobs.queue.grant(first, "main", size)
    assert not jobs.queue.grant(second, "main", size)
    assert not jobs.queue.grant(first, "main", Space(400, 400))
    assert jobs.queue.granted("main") == Space(30, 4)


def test_a_scheduler_that_was_ended_after_the_grant_is_continued(jobs: Jobs) -> None:
    jobs.request("job")
    jobs.states.errors = [KeyboardInterrupt("killed")]  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        jobs.scheduler.round()
    assert (jobs.status("job"), jobs.granted) == ("GRANTED", [])

    # Not at once: the first one may be at it still.
    assert jobs.new_scheduler().round()["resent"] == 0
    jobs.clock.now += 6
    assert jobs.new_scheduler().round()["resent"] == 1

    assert jobs.granted == ["job"]
    jobs.clock.now += 6
    assert jobs.new_scheduler().round() == {"started": 0, "resent": 0}


def test_a_notice_that_was_sent_and_not_noted_changes_nothing(jobs: Jobs) -> None:
    jobs.request("job")
    [job] = jobs.queue.with_status(QUEUED)
    jobs.queue.grant(job, "main", Space(40, 160))
    jobs.states.send_task_success("token-job", '{"cluster": "main"}')
    jobs.submit("job")
    jobs.clock.now += 6

    jobs.scheduler.round()

    assert (jobs.granted, jobs.status("job")) == (["job"], "RUNNING")


def test_a_cluster_that_is_away_gets_no_jobs(jobs: Jobs) -> None:
    jobs.played.unavailable_until = jobs.clock() + 60
    jobs.request("job")

    assert jobs.scheduler.round()["started"] == 0
    jobs.clock.now += 61
    assert jobs.scheduler.round()["started"] == 1


def test_a_large_job_is_passed_only_for_a_time(jobs: Jobs) -> None:
    jobs.request("first", cpu=20)
    jobs.scheduler.round()
    jobs.submit("first")
    jobs.request("large", cpu=30)
    jobs.request("small")
    jobs.scheduler.round()
    assert jobs.granted == ["first", "small"]
    jobs.submit("small")

    jobs.clock.now += 61
    jobs.request("smaller", cpu=1)
    jobs.scheduler.round()
    assert jobs.granted == ["first", "small"]

    # The first one ends.
    [record] = [jobs.queue.find("first")]
    assert record
    jobs.played.cancel("first.1")
    jobs.queue.release(record, "SUCCEEDED", "")
    jobs.clock.now += 1
    jobs.scheduler.round()
    assert jobs.granted == ["first", "small", "large", "smaller"]


def test_waiting_executions_get_heartbeats_in_time(jobs: Jobs) -> None:
    jobs.played.unavailable_until = jobs.clock() + 9999
    jobs.request("job")
    for _ in range(12):
        jobs.clock.now += 50
        jobs.scheduler.round()

    # One in 200 of the 300 seconds at least, and not one in each round.
    assert 3 <= len(jobs.states.beats) < 12


def test_the_record_of_an_execution_that_ended_leaves_the_queue(jobs: Jobs) -> None:
    jobs.played.unavailable_until = jobs.clock() + 9999
    jobs.request("dead")
    jobs.request("slow")
    jobs.states.waiting.clear()
    jobs.states.ended[f"{EXECUTION}dead"] = "ABORTED"
    jobs.clock.now += 101

    jobs.scheduler.round()

    # The other one runs, and makes its request again.
    assert (jobs.status("dead"), jobs.status("slow")) == (CANCELLED, QUEUED)


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED", "SUCCEEDED", "GONE"])
@pytest.mark.parametrize("submitted", [True, False])
def test_the_space_of_an_execution_that_ended_is_given_back(
    jobs: Jobs, status: str, submitted: bool
) -> None:
    jobs.request("job")
    jobs.scheduler.round()
    if submitted:
        jobs.submit("job")
    jobs.states.ended[f"{EXECUTION}job"] = status
    jobs.clock.now += 301

    jobs.scheduler.round()

    assert jobs.status("job") == CANCELLED
    assert jobs.queue.granted("main") == EMPTY
    assert jobs.played.describe("job.1")["state"] == "CANCELLED"


def test_a_run_that_cannot_be_cancelled_keeps_its_space(jobs: Jobs) -> None:
    jobs.request("job")
    jobs.scheduler.round()
    jobs.submit("job")
    jobs.states.ended[f"{EXECUTION}job"] = "ABORTED"
    jobs.clock.now += 301
    jobs.played.unavailable_until = jobs.clock() + 60

    with pytest.raises(Exception, match="down"):
        jobs.scheduler.round()

    assert jobs.queue.granted("main") == Space(4, 4)


def test_an_execution_that_runs_keeps_its_space(jobs: Jobs) -> None:
    jobs.request("job")
    jobs.scheduler.round()
    jobs.submit("job", 9999)
    jobs.clock.now += 3000

    jobs.scheduler.round()

    assert jobs.status("job") == "RUNNING"


def test_space_is_given_back_once(jobs: Jobs) -> None:
    jobs.request("job")
    jobs.scheduler.round()
    job = jobs.queue.find("job")
    assert job

    assert jobs.queue.release(job, CANCELLED, "stopped")
    assert not jobs.queue.release(job, CANCELLED, "stopped")

    assert jobs.queue.granted("main") == EMPTY
    item = jobs.client.get_item(TableName=TABLE, Key={"jobId": {"S": "job"}})["Item"]
    assert "token" not in item
    assert int(item["expiresAt"]["N"]) > jobs.clock() + 29 * 24 * 3600


def test_one_scheduler_has_the_lease(jobs: Jobs) -> None:
    assert jobs.queue.take_lease("one", 30)
    assert jobs.queue.take_lease("one", 30)
    assert not jobs.queue.take_lease("two", 30)
    jobs.queue.give_lease("two")
    assert not jobs.queue.take_lease("two", 30)
    jobs.clock.now += 31
    assert jobs.queue.take_lease("two", 30)
    jobs.queue.give_lease("two")
    assert jobs.queue.take_lease("one", 30)


class Context(LambdaContext):
    """A context with time left."""

    aws_request_id = "request"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def function(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The queue of the scheduler's function."""
    monkeypatch.setattr(schedule_jobs, "queue", lambda: jobs.queue)
    monkeypatch.setattr(schedule_jobs, "new_scheduler", lambda _: jobs.scheduler)
    return jobs


def test_the_function_works_in_rounds_and_gives_the_lease_back(function: Jobs) -> None:
    function.request("job")

    found = schedule_jobs.handler({"detail": {"roundSeconds": 0.01, "workSeconds": 1}}, Context())

    assert found["works"]
    assert (found["rounds"] > 1, found["started"]) == (True, 1)
    assert function.queue.take_lease("another", 1)


def test_a_second_function_does_nothing(function: Jobs) -> None:
    function.queue.take_lease("another", 30)
    function.request("job")

    found = schedule_jobs.handler({}, Context())

    assert found == {"works": False, "rounds": 0, "started": 0}
    assert function.granted == []


def test_a_function_that_fails_gives_the_lease_back(
    function: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ValueError("broken")

    monkeypatch.setattr(function.scheduler, "round", fail)
    with pytest.raises(ValueError, match="broken"):
        schedule_jobs.handler({}, Context())

    assert function.queue.take_lease("another", 1)


def test_a_function_that_is_short_of_time_ends(
    function: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda _: 20_000)

    assert schedule_jobs.handler({"detail": {"workSeconds": 999}}, Context())["rounds"] == 1


def ended(job_id: str, status: str = "ABORTED", execution: str = "") -> dict[str, Any]:
    given = f'{{"detail": {{"jobId": "{job_id}"}}}}'
    arn = execution or f"{EXECUTION}{job_id}"
    return {"detail": {"executionArn": arn, "status": status, "input": given}}


@pytest.fixture
def stopping(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The queue and cluster of the function for executions that were stopped."""
    monkeypatch.setattr(stopped_execution, "queue", lambda: jobs.queue)
    monkeypatch.setattr(stopped_execution, "places", lambda: jobs.clusters)
    monkeypatch.setattr(stopped_execution, "cluster", jobs.clusters.__getitem__)
    return jobs


def test_a_stopped_execution_cancels_its_run(stopping: Jobs) -> None:
    stopping.request("job")
    stopping.scheduler.round()
    stopping.submit("job")

    assert stopped_execution.handler(ended("job"), None) == {"cancelled": True}

    assert stopping.status("job") == CANCELLED
    assert stopping.queue.granted("main") == EMPTY
    assert stopping.played.describe("job.1")["state"] == "CANCELLED"
    # The event may come twice.
    assert stopped_execution.handler(ended("job"), None) == {"cancelled": False}


def test_a_stopped_execution_whose_submission_is_under_way_never_runs(stopping: Jobs) -> None:
    stopping.request("job")
    stopping.scheduler.round()

    assert stopped_execution.handler(ended("job"), None) == {"cancelled": True}

    run = stopping.played.submit("job.1", {"cpu": 4, "memoryGb": 4})
    assert run["state"] == "CANCELLED"
    assert stopping.played.used(stopping.clock() + 0.1) == (0, 0)


def test_a_stopped_execution_leaves_the_queue(stopping: Jobs) -> None:
    stopping.request("job")

    assert stopped_execution.handler(ended("job", "TIMED_OUT"), None) == {"cancelled": True}
    assert stopping.scheduler.round()["started"] == 0


@pytest.mark.parametrize(
    "event",
    [
        ended("another"),
        ended("job", execution=f"{EXECUTION}another"),
        {"detail": {"executionArn": "arn", "status": "ABORTED"}},
        {"detail": {"executionArn": "arn", "status": "ABORTED", "input": "[]"}},
        {"detail": {"executionArn": "arn", "status": "ABORTED", "input": '{"detail": 1}'}},
        {"detail": {"executionArn": "arn", "status": "ABORTED", "input": '{"detail":{"jobId":1}}'}},
    ],
)
def test_a_job_of_another_execution_is_left_alone(stopping: Jobs, event: dict[str, Any]) -> None:
    stopping.request("job")

    assert stopped_execution.handler(event, None) == {"cancelled": False}
    assert stopping.status("job") == QUEUED


def test_the_scheduler_has_the_settings_of_its_variables(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, aws: Callable[[str], Any]
) -> None:
    monkeypatch.setenv(
        "CLUSTERS", '{"main": {"url": "https://c.example", "cpu": 1, "memoryGb": 2}}'
    )
    monkeypatch.setenv("CLUSTER_SECRET", "token")
    monkeypatch.setenv("JOBS_TABLE", TABLE)
    for cache in (cluster.places, cluster.cluster, schedule_jobs.queue):
        cache.cache_clear()

    made = schedule_jobs.new_scheduler(schedule_jobs.queue())

    assert made.is_dead.__self__ is made  # type: ignore[attr-defined]
    for cache in (cluster.places, cluster.cluster, schedule_jobs.queue):
        cache.cache_clear()
