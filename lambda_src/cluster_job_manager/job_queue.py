"""The jobs in DynamoDB: those that wait, that run, and that ended lately.

An item is a job, by its ``jobId``. Two more kinds have a ``#`` in the id, which no job has: the
ledger of a cluster (``#ledger/<name>``) adds up the space that was granted, and ``#scheduler`` is
the lease of the scheduler that works.

A grant changes the job and the ledger in one transaction, on the condition that the job still waits
and that the cluster's size is not exceeded. So two schedulers at once start a job once, and never
more than a cluster takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster_job_manager.jobs import Space

Item = Mapping[str, Any]

INDEX = "queue"
QUEUED, GRANTED, RUNNING = "QUEUED", "GRANTED", "RUNNING"
SUCCEEDED, FAILED, CANCELLED = "SUCCEEDED", "FAILED", "CANCELLED"
LEASE = "#scheduler"
LEDGER = "#ledger/"
#: Why a transaction is refused that is correct.
EXPECTED_REASONS = {"None", "ConditionalCheckFailed", "TransactionConflict"}
#: How long the record of a job that ended is kept, so that the same event again starts nothing.
KEPT_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Record:
    """A job as the table holds it."""

    job_id: str
    status: str
    needs: Space
    attempt: int
    execution: str
    token: str
    queued_at: float
    beat_at: float
    blocked_at: float | None
    cluster: str
    granted_at: float
    sent: bool
    accepted_at: float | None

    @classmethod
    def of(cls, item: Item) -> Record:
        """Return the record of an item."""

        def text(name: str) -> str:
            return str(item.get(name, {}).get("S", ""))

        def number(name: str) -> float | None:
            return float(item[name]["N"]) if name in item else None

        return cls(
            job_id=text("jobId"),
            status=text("status"),
            needs=Space(number("cpu") or 0, number("memoryGb") or 0),
            attempt=int(number("attempt") or 0),
            execution=text("execution"),
            token=text("token"),
            queued_at=number("queuedAt") or 0,
            beat_at=number("beatAt") or number("queuedAt") or 0,
            blocked_at=number("blockedAt"),
            cluster=text("cluster"),
            granted_at=number("grantedAt") or 0,
            sent="sentAt" in item,
            accepted_at=number("acceptedAt"),
        )


class JobQueue:
    """The table.

    Parameters
    ----------
    client
        A ``dynamodb`` client.
    table
        The table's name.
    now
        Returns the time in seconds.
    """

    def __init__(self, client: Any, table: str, now: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._now = now

    def with_status(self, status: str) -> Iterator[Record]:
        """Yield the jobs of a status by rank, from the index, which lags by moments."""
        start: Item | None = None
        while True:
            answer = self._client.query(
                TableName=self._table,
                IndexName=INDEX,
                KeyConditionExpression="#status = :status",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":status": {"S": status}},
                **({"ExclusiveStartKey": start} if start else {}),
            )
            yield from map(Record.of, answer["Items"])
            start = answer.get("LastEvaluatedKey")
            if not start:
                return

    def find(self, job_id: str) -> Record | None:
        """Return a job as it is now; nothing if there is none."""
        item = self._get(job_id)
        return Record.of(item) if item else None

    def granted(self, cluster: str) -> Space:
        """Return the space that was granted on a cluster, as it is now."""
        item = self._get(f"{LEDGER}{cluster}")
        return Space(*(float(item.get(name, {"N": "0"})["N"]) for name in ("cpu", "memoryGb")))

    def grant(self, job: Record, cluster: str, most: Space) -> bool:
        """Grant a waiting job its space; return whether it still waited, and the space was there.

        Parameters
        ----------
        job
            The job.
        cluster
            The cluster that runs it.
        most
            The space that may be granted on the cluster in all.
        """
        before = most - job.needs
        take = {
            **self._key(f"{LEDGER}{cluster}"),
            "UpdateExpression": "ADD cpu :cpu, memoryGb :memory",
            "ConditionExpression": (
                "attribute_not_exists(jobId) OR (cpu <= :beforeCpu AND memoryGb <= :beforeMemory)"
            ),
            "ExpressionAttributeValues": {
                ":cpu": _number(job.needs.cpu),
                ":memory": _number(job.needs.memory_gb),
                ":beforeCpu": _number(before.cpu),
                ":beforeMemory": _number(before.memory_gb),
            },
        }
        claim = {
            **self._key(job.job_id),
            "UpdateExpression": "SET #status = :granted, #cluster = :cluster, grantedAt = :now",
            "ConditionExpression": "#status = :queued AND #token = :token",
            "ExpressionAttributeNames": {
                "#status": "status",
                "#token": "token",
                "#cluster": "cluster",
            },
            "ExpressionAttributeValues": {
                ":granted": {"S": GRANTED},
                ":queued": {"S": QUEUED},
                ":token": {"S": job.token},
                ":cluster": {"S": cluster},
                ":now": _number(self._now()),
            },
        }
        return self._together(take, claim)

    def mark_sent(self, job: Record) -> None:
        """Note that a job's execution was notified of its grant."""
        self._update(
            job,
            "SET sentAt = :now",
            "#status IN (:granted, :running) AND attempt = :attempt",
            {
                ":now": _number(self._now()),
                ":granted": {"S": GRANTED},
                ":running": {"S": RUNNING},
                ":attempt": _number(job.attempt),
            },
        )

    def mark_blocked(self, job: Record) -> None:
        """Note when a job did not fit first."""
        self._waits(job, "SET blockedAt = if_not_exists(blockedAt, :now)")

    def mark_alive(self, job: Record) -> None:
        """Note when the execution of a waiting job was sent a heartbeat."""
        self._waits(job, "SET beatAt = :now")

    def release(self, job: Record, status: str, error: str) -> bool:
        """End a job that holds space or waits; return whether it did not end before."""
        now = self._now()
        names = {"#status": "status", "#error": "error", "#token": "token"}
        end = {
            **self._key(job.job_id),
            "UpdateExpression": (
                "SET #status = :status, #error = :error, endedAt = :now, expiresAt = :expires "
                "REMOVE #token"
            ),
            "ConditionExpression": "#status = :before AND attempt = :attempt",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                ":status": {"S": status},
                ":error": {"S": error},
                ":before": {"S": job.status},
                ":attempt": _number(job.attempt),
                ":now": _number(now),
                ":expires": _number(int(now) + KEPT_SECONDS),
            },
        }
        if job.status == QUEUED:
            return self._together(end)
        give_back = {
            **self._key(f"{LEDGER}{job.cluster}"),
            "UpdateExpression": "ADD cpu :cpu, memoryGb :memory",
            "ExpressionAttributeValues": {
                ":cpu": _number(-job.needs.cpu),
                ":memory": _number(-job.needs.memory_gb),
            },
        }
        return self._together(end, give_back)

    def take_lease(self, owner: str, seconds: float) -> bool:
        """Become the only scheduler for some seconds, or stay it; return whether that worked."""
        now = self._now()
        return self._try(
            self._client.put_item,
            TableName=self._table,
            Item={
                "jobId": {"S": LEASE},
                "owner": {"S": owner},
                "until": _number(now + seconds),
            },
            ConditionExpression="attribute_not_exists(jobId) OR #owner = :owner OR #until < :now",
            ExpressionAttributeNames={"#owner": "owner", "#until": "until"},
            ExpressionAttributeValues={":owner": {"S": owner}, ":now": _number(now)},
        )

    def give_lease(self, owner: str) -> None:
        """Let another scheduler work."""
        self._try(
            self._client.delete_item,
            **self._key(LEASE),
            ConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":owner": {"S": owner}},
        )

    def _get(self, key: str) -> Item:
        answer = self._client.get_item(**self._key(key), ConsistentRead=True)
        item: Item = answer.get("Item") or {}
        return item

    def _waits(self, job: Record, change: str) -> None:
        self._update(
            job,
            change,
            "#status = :queued AND attempt = :attempt",
            {
                ":now": _number(self._now()),
                ":queued": {"S": QUEUED},
                ":attempt": _number(job.attempt),
            },
        )

    def _update(self, job: Record, change: str, condition: str, values: Item) -> None:
        self._try(
            self._client.update_item,
            **self._key(job.job_id),
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=values,
        )

    def _key(self, key: str) -> dict[str, Any]:
        return {"TableName": self._table, "Key": {"jobId": {"S": key}}}

    def _together(self, *updates: Item) -> bool:
        return self._try(
            self._client.transact_write_items,
            TransactItems=[{"Update": update} for update in updates],
        )

    def _try(self, call: Callable[..., Any], **arguments: Any) -> bool:
        """Make a conditional call; return whether its condition held.

        A transaction that meets another one is refused as well: the next round tries again.
        """
        errors = self._client.exceptions
        try:
            call(**arguments)
        except errors.ConditionalCheckFailedException:
            return False
        except errors.TransactionCanceledException as error:
            reasons = {reason.get("Code") for reason in error.response["CancellationReasons"]}
            if not reasons <= EXPECTED_REASONS:
                raise
            return False
        return True


def _number(value: float) -> dict[str, str]:
    """Return a number as DynamoDB takes it."""
    return {"N": repr(round(value, 3))}
