"""The bucket of the unloads: runs, pointers and manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse

from athena_unload.errors import PointerMoved, UnloadIncomplete

#: In a run's folder; Athena does not read names that begin with an underscore.
MANIFEST = "_manifest.csv"
#: The limit of DeleteObjects.
MOST_AT_ONCE = 1000
MOVED = ("PreconditionFailed", "ConditionalRequestConflict")


class Output:
    """The bucket.

    Parameters
    ----------
    bucket
        Its name.
    client
        Returns the client of S3; or another object with the same methods, in tests.
    """

    def __init__(self, bucket: str, client: Any) -> None:
        self._bucket = bucket
        self._s3 = client

    def pointer(self, use_case: str) -> tuple[dict[str, Any], str]:
        """Return the pointer to the current run, and its tag; empty when there is none."""
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=pointer_key(use_case))
        except self._s3.exceptions.NoSuchKey:
            return {}, ""
        content: dict[str, Any] = json.loads(found["Body"].read())
        return content, found["ETag"]

    def move_pointer(self, use_case: str, content: dict[str, Any], tag: str) -> None:
        """Replace the pointer that has a tag, or make the first one.

        Raises
        ------
        PointerMoved
            When another run was faster.
        """
        condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=pointer_key(use_case),
                Body=json.dumps(content).encode(),
                ContentType="application/json",
                **condition,
            )
        except self._s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in MOVED:
                raise PointerMoved(f"another run moved the pointer of {use_case}") from None
            raise

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return the sizes of the objects below a prefix, by key."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}

    def files(self, manifest: str, prefix: str) -> dict[str, int]:
        """Return the sizes of the files in a manifest of Athena, by key.

        Raises
        ------
        UnloadIncomplete
            When a file is missing, or lies elsewhere.
        """
        place = urlparse(manifest)
        found = self._s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
        lines = found["Body"].read().decode().split()
        keys = [line.removeprefix(f"s3://{self._bucket}/") for line in lines]
        sizes = self.sizes(prefix)
        if missing := [key for key in keys if key not in sizes]:
            raise UnloadIncomplete(f"{len(missing)} of {len(keys)} files are missing: {missing[0]}")
        return {key: sizes[key] for key in keys}

    def keep_manifest(self, prefix: str, keys: Iterator[str]) -> str:
        """Write a manifest into the run's folder, which lasts as long as its files."""
        key = f"{prefix}{MANIFEST}"
        lines = "".join(f"s3://{self._bucket}/{one}\n" for one in keys)
        self._s3.put_object(
            Bucket=self._bucket, Key=key, Body=lines.encode(), ContentType="text/csv"
        )
        return f"s3://{self._bucket}/{key}"

    def runs(self, use_case: str) -> list[str]:
        """Return the names of a use case's runs, the oldest first."""
        prefix = f"unload/{use_case}/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, Delimiter="/"
        )
        found = (one["Prefix"] for page in pages for one in page.get("CommonPrefixes", []))
        return sorted(one.removeprefix(prefix).rstrip("/") for one in found)

    def delete_run(self, use_case: str, run: str) -> int:
        """Delete the objects of a run, and return how many there were.

        Raises
        ------
        RuntimeError
            When S3 keeps some.
        """
        keys = list(self.sizes(f"unload/{use_case}/{run}/"))
        for start in range(0, len(keys), MOST_AT_ONCE):
            some = [{"Key": key} for key in keys[start : start + MOST_AT_ONCE]]
            answer = self._s3.delete_objects(
                Bucket=self._bucket, Delete={"Objects": some, "Quiet": True}
            )
            if errors := answer.get("Errors"):
                raise RuntimeError(f"S3 kept {len(errors)} objects: {errors[0].get('Code')}")
        return len(keys)


def pointer_key(use_case: str) -> str:
    """Return the key of a use case's pointer."""
    return f"current/{use_case}.json"
