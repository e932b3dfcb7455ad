"""The table of jobs in moto, a cluster without HTTP, and executions that wait for tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from cluster_job_manager.cluster import Cluster, Place, Use, read_metrics
from cluster_job_manager.errors import ClusterUnavailable
from cluster_job_manager.job_queue import JobQueue
from cluster_job_manager.jobs import Space, run_key
from cluster_job_manager.planning import rank
from cluster_job_manager.scheduler import Policy, Scheduler
from emulator.stand_ins.compute_cluster import Cluster as Played

TABLE = "jobs"
EXECUTION = "arn:aws:states:us-east-1:1:execution:machine:"
AGEING = 3600.0


class TaskTimedOut(Exception):  # noqa: N818  boto3's name
    """The token is not valid any more."""


class ExecutionDoesNotExist(Exception):  # noqa: N818  boto3's name
    """Step Functions has no such execution."""


def create_table(client: Any) -> None:
    """Make the table as Terraform does."""
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "jobId", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": "jobId", "AttributeType": "S"},
            {"AttributeName": "status", "AttributeType": "S"},
            {"AttributeName": "rank", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "queue",
                "KeySchema": [
                    {"AttributeName": "status", "KeyType": "HASH"},
                    {"AttributeName": "rank", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


class Clock:
    """A clock that is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class States:
    """Step Functions: executions by job, and the tokens that they wait for."""

    exceptions = SimpleNamespace(
        TaskTimedOut=TaskTimedOut,
        TaskDoesNotExist=TaskTimedOut,
        InvalidToken=TaskTimedOut,
        ExecutionDoesNotExist=ExecutionDoesNotExist,
    )

    def __init__(self) -> None:
        self.waiting: set[str] = set()
        self.granted: list[tuple[str, str]] = []
        self.beats: list[str] = []
        self.ended: dict[str, str] = {}
        #: Raised instead of the next answers.
        self.errors: list[Exception] = []

    def send_task_success(self, taskToken: str, output: str) -> None:  # noqa: N803  boto3's names
        if self.errors:
            raise self.errors.pop(0)
        if taskToken not in self.waiting:
            raise TaskTimedOut
        self.waiting.remove(taskToken)
        self.granted.append((taskToken.removeprefix("token-"), json.loads(output)["cluster"]))

    def send_task_heartbeat(self, taskToken: str) -> None:  # noqa: N803
        if taskToken not in self.waiting:
            raise TaskTimedOut
        self.beats.append(taskToken.removeprefix("token-"))

    def describe_execution(self, executionArn: str) -> dict[str, str]:  # noqa: N803
        status = self.ended.get(executionArn, "RUNNING")
        if status == "GONE":
            raise ExecutionDoesNotExist
        return {"status": status}


class PlayedCluster:
    """The emulator's cluster, as the adapter calls it."""

    def __init__(self, place: Place, played: Played) -> None:
        self.place = place
        self.played = played

    def use(self) -> Use:
        if self.played.clock() < self.played.unavailable_until:
            raise ClusterUnavailable("down")
        return read_metrics(self.played.metrics())

    def cancel(self, key: str) -> None:
        if self.played.clock() < self.played.unavailable_until:
            raise ClusterUnavailable("down")
        self.played.cancel(key)


@dataclass
class Jobs:
    """A queue, one cluster of 40 cores, and a scheduler."""

    client: Any
    clock: Clock = field(default_factory=Clock)
    states: States = field(default_factory=States)
    backfill_seconds: float = 60
    heartbeat_seconds: float = 300

    def __post_init__(self) -> None:
        create_table(self.client)
        self.queue = JobQueue(self.client, TABLE, self.clock)
        self.played = Played(self.clock)
        place = Place("main", "https://main.example", Space(40, 160))
        self.clusters = {"main": cast(Cluster, PlayedCluster(place, self.played))}
        self.scheduler = self.new_scheduler()

    def new_scheduler(self) -> Scheduler:
        """Return another scheduler of the queue."""
        policy = Policy(self.backfill_seconds, self.heartbeat_seconds)
        return Scheduler(self.queue, self.clusters, self.states, policy, self.clock)

    def request(self, job_id: str, cpu: int = 4, gb: int = 4, priority: int = 5) -> None:
        """Queue a job, as its execution does."""
        token = f"token-{job_id}"
        self.states.waiting.add(token)
        self.client.put_item(
            TableName=TABLE,
            Item={
                "jobId": {"S": job_id},
                "status": {"S": "QUEUED"},
                "rank": {"N": str(rank(self.clock(), priority, AGEING))},
                "priority": {"N": str(priority)},
                "cpu": {"N": str(cpu)},
                "memoryGb": {"N": str(gb)},
                "attempt": {"N": "1"},
                "execution": {"S": f"{EXECUTION}{job_id}"},
                "queuedAt": {"N": str(self.clock())},
                "beatAt": {"N": str(self.clock())},
                "token": {"S": token},
            },
        )
        self.clock.now += 0.01

    def submit(self, job_id: str, seconds: float = 3600) -> None:
        """Start a granted job on the cluster, as its execution does."""
        job = self.queue.find(job_id)
        assert job
        payload = {"runSeconds": seconds}
        body = {"cpu": job.needs.cpu, "memoryGb": job.needs.memory_gb, "payload": payload}
        run = self.played.submit(run_key(job_id, job.attempt), body)
        self.client.update_item(
            TableName=TABLE,
            Key={"jobId": {"S": job_id}},
            UpdateExpression="SET #status = :running, acceptedAt = :at",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":running": {"S": "RUNNING"},
                ":at": {"N": str(run["acceptedAt"])},
            },
        )

    @property
    def granted(self) -> list[str]:
        """The jobs whose executions were notified, in that order."""
        return [job for job, _ in self.states.granted]

    def status(self, job_id: str) -> str:
        """Return a job's status."""
        job = self.queue.find(job_id)
        return job.status if job else "none"
