"""The files of a batch of entries in S3: its entries, the sums of each shard, the prices."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Files:
    """The files of one batch.

    Parameters
    ----------
    s3
        The client.
    bucket
        The bucket.
    run, batch
        The run, and the batch within it.
    """

    s3: Any
    bucket: str
    run: str
    batch: str

    def key(self, name: str) -> str:
        """Return the key of a file."""
        return f"runs/{self.run}/{self.batch}/{name}.json"

    def read(self, name: str) -> Any:
        """Return the content of a file."""
        answer = self.s3.get_object(Bucket=self.bucket, Key=self.key(name))
        return json.loads(answer["Body"].read())

    def has(self, name: str) -> bool:
        """Return whether there is a file."""
        key = self.key(name)
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key)
        return any(one["Key"] == key for one in found.get("Contents", ()))

    def write(self, name: str, content: Any) -> None:
        """Write a file."""
        self.s3.put_object(
            Bucket=self.bucket,
            Key=self.key(name),
            Body=json.dumps(content).encode(),
            ContentType="application/json",
        )
