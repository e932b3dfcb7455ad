"""The emulator runs the jobs of AWS Batch as processes, in the order and number that AWS would."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from emulator.patches.batch import jobs
from emulator.patches.batch.containers import Containers, Images
from emulator.patches.batch.jobs import ClientError, Ended
from emulator.patches.batch.scheduler import Scheduler, Work

JsonObject = dict[str, Any]

SCOPE = ("1", "us-east-1")
DEFINITION = {
    "jobDefinitionArn": "arn:aws:batch:us-east-1:1:job-definition/d:1",
    "parameters": {"paths": "10"},
    "retryStrategy": {"attempts": 2},
    "containerProperties": {
        "command": ["simulate", "Ref::paths", "Ref::unknown"],
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}],
        "resourceRequirements": [{"type": "VCPU", "value": "0.25"}],
    },
}


def job(job_id: str = "j", index: int | None = None, **asked: Any) -> JsonObject:
    names = {"jobId": job_id, "jobArn": f"arn:{job_id}", "jobQueue": "arn:queue"}
    return jobs.new_job({"jobName": "job", **asked}, DEFINITION, names, 0, index)


def work(job_id: str, after: list[str] | None = None, **asked: Any) -> Work:
    return Work(job(job_id, **asked), after or [], SCOPE)


class World:
    """An environment whose attempts end when the test says how."""

    def __init__(self, most: float = 1.0) -> None:
        self.most = most
        self.statuses: list[tuple[str, str]] = []
        self.ends: dict[str, Ended] = {}
        self.begun: list[str] = []
        self.changes = threading.Condition()

    def environments(self, _: Work) -> Mapping[str, float]:
        return {"e": self.most}

    def changed(self, _: tuple[str, str], found: JsonObject) -> None:
        with self.changes:
            self.statuses.append((found["jobId"], found["status"]))
            self.changes.notify_all()

    def attempt(self, one: Work, number: int, environment: str) -> Ended:
        assert environment == "e"
        key = f"{one.job['jobId']}#{number}"
        with self.changes:
            self.begun.append(key)
            self.changes.notify_all()
            assert self.changes.wait_for(lambda: key in self.ends, 5)
            return self.ends[key]

    def stop(self, one: Work) -> None:
        self.end(f"{one.job['jobId']}#{len(one.job['attempts']) + 1}", Ended(137))

    def now(self) -> int:
        return 1

    def end(self, key: str, ended: Ended) -> None:
        with self.changes:
            self.ends[key] = ended
            self.changes.notify_all()

    def wait(self, job_id: str, status: str) -> None:
        with self.changes:
            assert self.changes.wait_for(lambda: (job_id, status) in self.statuses, 5)

    def wait_begun(self, *keys: str) -> None:
        with self.changes:
            assert self.changes.wait_for(lambda: set(keys) <= set(self.begun), 5)

    def of(self, job_id: str) -> list[str]:
        return [status for one, status in self.statuses if one == job_id]


#: Prints which libraries can be imported.
SEEN = """
import importlib.util
for name in ("boto3", "ministack", "emulator", "hypercorn"):
    if importlib.util.find_spec(name):
        print(name)
"""
OK = Ended(0)
RUN = ["SUBMITTED", "RUNNABLE", "STARTING", "RUNNING"]


def test_parameters_and_overrides_fill_the_command_and_the_environment() -> None:
    found = job(
        parameters={"paths": "20"},
        containerOverrides={"environment": [{"name": "B", "value": "2"}]},
    )["container"]

    assert found["command"] == ["simulate", "20", "Ref::unknown"]
    assert {one["name"]: one["value"] for one in found["environment"]} == {"A": "1", "B": "2"}
    assert jobs.vcpus(found) == 0.25


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"jobName": "no spaces"}, "valid pattern"),
        ({"jobName": "a", "arrayProperties": {"size": 1}}, "between 2 and 10000"),
        ({"jobName": "a", "retryStrategy": {"attempts": 11}}, "between 1 and 10"),
    ],
)
def test_a_wrong_request_is_refused(asked: JsonObject, reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        jobs.checked(asked)


def test_the_first_condition_that_fits_decides_on_a_retry() -> None:
    strategy = {
        "attempts": 3,
        "evaluateOnExit": [
            {"onExitCode": "7", "action": "exit"},
            {"onStatusReason": "Host EC2*", "action": "RETRY"},
            {"onExitCode": "*", "action": "EXIT"},
        ],
    }

    assert not jobs.repeats(strategy, 1, Ended(7))
    assert jobs.repeats(strategy, 1, Ended(1, "Host EC2 (instance i-1) terminated."))
    assert not jobs.repeats(strategy, 1, Ended(1, jobs.EXITED))
    assert jobs.repeats({"attempts": 2}, 1, Ended(1))
    assert not jobs.repeats({"attempts": 2}, 2, Ended(1))
    assert not jobs.repeats({"attempts": 2}, 1, OK)


def test_dependencies_of_children_are_by_index() -> None:
    asked = {
        "dependsOn": [{"type": "SEQUENTIAL"}, {"jobId": "x", "type": "N_TO_N"}, {"jobId": "y"}]
    }

    assert jobs.predecessors(asked, "j", 0) == ["x:0", "y"]
    assert jobs.predecessors(asked, "j", 2) == ["j:1", "x:2", "y"]
    assert jobs.predecessors({"dependsOn": [{"jobId": "y"}]}, "j", None) == ["y"]


def test_a_job_has_each_status_once_and_ends_with_its_attempt() -> None:
    world = World()
    one = work("a")
    Scheduler(world).submit([one])
    world.end("a#1", Ended(0, log_stream="s"))
    world.wait("a", "SUCCEEDED")

    assert world.of("a") == [*RUN, "SUCCEEDED"]
    assert one.job["container"]["exitCode"] == 0
    assert one.job["attempts"][0]["container"]["logStreamName"] == "s"


def test_a_failed_attempt_is_repeated_until_none_is_left() -> None:
    world = World()
    one = work("a")
    Scheduler(world).submit([one])
    world.end("a#1", Ended(1))
    world.end("a#2", Ended(3))
    world.wait("a", "FAILED")

    assert world.of("a") == [*RUN, "RUNNABLE", "STARTING", "RUNNING", "FAILED"]
    assert [attempt["container"]["exitCode"] for attempt in one.job["attempts"]] == [1, 3]
    assert one.job["statusReason"] == jobs.EXITED


def test_jobs_wait_for_free_vcpus_in_their_order() -> None:
    world = World(most=0.5)
    scheduler = Scheduler(world)
    scheduler.submit([work("a")])
    scheduler.submit([work("b")])
    scheduler.submit([work("c")])
    world.wait_begun("a#1", "b#1")
    assert world.of("c") == ["SUBMITTED", "RUNNABLE"]

    world.end("a#1", OK)
    world.wait_begun("c#1")


def test_this_computer_runs_no_more_processes_than_it_may() -> None:
    world = World(most=10)
    scheduler = Scheduler(world, processes=1)
    scheduler.submit([work("a")])
    scheduler.submit([work("b")])
    world.wait_begun("a#1")
    time.sleep(0.05)

    assert world.begun == ["a#1"]


def test_one_failed_child_fails_the_array_once_the_others_ended() -> None:
    world = World()
    parent = job("p", arrayProperties={"size": 2}, retryStrategy={"attempts": 1})
    children = [
        Work(job(f"p:{i}", i, retryStrategy={"attempts": 1}), [], SCOPE, parent) for i in range(2)
    ]
    Scheduler(world).submit(children)
    world.end("p:0#1", Ended(1))
    world.wait("p:0", "FAILED")
    assert parent["status"] == "PENDING"
    world.end("p:1#1", OK)
    world.wait("p", "FAILED")

    assert parent["statusReason"] == jobs.CHILD_FAILED
    assert parent["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 1
    assert world.of("p") == ["SUBMITTED", "PENDING", "FAILED"]


def test_a_job_runs_after_the_one_it_depends_on_and_fails_with_it() -> None:
    world = World()
    scheduler = Scheduler(world)
    scheduler.submit([work("a", retryStrategy={"attempts": 1})])
    scheduler.submit([work("b", ["a"])])
    scheduler.submit([work("c", ["b"])])
    assert world.of("b") == ["SUBMITTED", "PENDING"]
    world.end("a#1", Ended(1))
    world.wait("b", "FAILED")
    world.wait("c", "FAILED")

    assert world.begun == ["a#1"]


def test_cancel_leaves_what_runs_and_terminate_ends_it_without_a_retry() -> None:
    world = World(most=0.25)
    scheduler = Scheduler(world)
    running, waiting = work("a"), work("b")
    scheduler.submit([running])
    scheduler.submit([waiting])
    world.wait_begun("a#1")
    scheduler.cancel("a", "not now")
    scheduler.cancel("b", "not needed")
    assert (running.job["status"], waiting.job["status"]) == ("RUNNING", "FAILED")
    assert waiting.job["statusReason"] == "not needed"

    scheduler.terminate("a", "stopped")
    world.wait("a", "FAILED")
    assert running.job["statusReason"] == "stopped"
    assert len(running.job["attempts"]) == 1


@pytest.fixture
def containers() -> Iterator[Containers]:
    made = Containers()
    yield made
    made.close()


def ran(
    containers: Containers, image: dict[str, str], *command: str, seconds: float | None = None
) -> Any:
    lines: list[str] = []
    ended = containers.run("j", command, image, seconds, lines.append)
    return ended, lines


def test_an_image_with_boto3_has_nothing_else_of_the_emulator(
    tmp_path: Path, containers: Containers
) -> None:
    images = Images(tmp_path)
    with_boto3 = images.environment("public.ecr.aws/sam/build-python3.13:latest")
    without = images.environment("public.ecr.aws/docker/library/python:3.13")
    assert with_boto3
    assert without

    assert ran(containers, with_boto3, "python", "-c", SEEN) == (Ended(0), ["boto3"])
    assert ran(containers, without, "python3", "-c", SEEN) == (Ended(0), [])
    assert images.environment("example.com/secret/model:1") is None


def test_a_container_ends_with_its_exit_code_its_signal_or_its_time(containers: Containers) -> None:
    path = {"PATH": "/usr/bin:/bin"}

    assert ran(containers, path, "sh", "-c", "echo a; echo b >&2; exit 3") == (
        Ended(3),
        ["a", "b"],
    )
    assert ran(containers, path, "sh", "-c", "kill -9 $$")[0] == Ended(137)
    late, _ = ran(containers, path, "sh", "-c", "sleep 30 & wait", seconds=0.2)
    assert late.status_reason == jobs.OUT_OF_TIME
    missing, _ = ran(containers, path, "/nowhere")
    assert missing.exit_code is None
    assert missing.reason.startswith("CannotStartContainerError")
