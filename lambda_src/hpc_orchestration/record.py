"""The record of a batch: how far it is, and who waits for it; and that of a run's execution.

The task token is here and nowhere else: parameters of a job are visible in ``DescribeJobs``, in the
job's events and in logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DONE = "DONE"


@dataclass(frozen=True)
class Record:
    """The record of one batch.

    Parameters
    ----------
    dynamodb
        The client.
    table
        The table.
    run, batch
        The run, and the batch within it.
    """

    dynamodb: Any
    table: str
    run: str
    batch: str

    def read(self) -> dict[str, str]:
        """Return the record's fields."""
        answer = self.dynamodb.get_item(TableName=self.table, Key=self._key, ConsistentRead=True)
        return {name: value["S"] for name, value in answer.get("Item", {}).items()}

    def create(self, **fields: str) -> bool:
        """Write the record unless it exists; return whether that was done."""
        return self._update(fields, {}, "attribute_not_exists(runId)")

    def write(self, when: Mapping[str, str] | None = None, **fields: str) -> bool:
        """Change some fields of the record; return whether that was done.

        Parameters
        ----------
        when
            Fields that the record must have, or it stays as it is.
        fields
            The new fields.
        """
        known = when or {}
        return self._update(fields, known, " AND ".join(f"#{name} = :was_{name}" for name in known))

    def _update(self, fields: Mapping[str, str], known: Mapping[str, str], condition: str) -> bool:
        asked: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key=self._key,
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in fields),
                ExpressionAttributeNames={f"#{name}": name for name in {*fields, *known}},
                ExpressionAttributeValues={
                    **{f":{name}": {"S": text} for name, text in fields.items()},
                    **{f":was_{name}": {"S": text} for name, text in known.items()},
                },
                **asked,
            )
        except self.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    @property
    def _key(self) -> dict[str, dict[str, str]]:
        return {"runId": {"S": self.run}, "batch": {"S": self.batch}}
