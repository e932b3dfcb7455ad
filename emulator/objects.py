"""Objects in S3 that services read and write for their callers.

Objects are files in between, so a service needs no memory for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

#: Returns why a service may not do something; an empty text when it may. It gets an action, such as
#: ``s3:GetObject``, and the ARN of its resource.
Refusal = Callable[[str, str], str]


class DeniedError(Exception):
    """A service may not do something with an object."""


class NoSuchBucketError(Exception):
    """The bucket does not exist."""


class Objects:
    """The objects that a service may use.

    Parameters
    ----------
    client
        boto3's client of S3, whose own rights do not matter.
    refusal
        The service's rights.
    """

    def __init__(self, client: Any, refusal: Refusal) -> None:
        self._client = client
        self._refusal = refusal

    def keys(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """Yield the keys of the objects below a prefix, without empty folders.

        Raises
        ------
        DeniedError, NoSuchBucketError
            When the service cannot list them.
        """
        self.check("s3:ListBucket", bucket)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        try:
            for page in pages:
                yield from (
                    found["Key"]
                    for found in page.get("Contents", [])
                    if not found["Key"].endswith("/")
                )
        except self._client.exceptions.NoSuchBucket:
            raise NoSuchBucketError(f"The bucket {bucket} does not exist.") from None

    def read(self, bucket: str, key: str, file: Path) -> None:
        """Copy an object to a file.

        Raises
        ------
        DeniedError
            When the service may not read it.
        """
        self.check("s3:GetObject", bucket, key)
        self._client.download_file(bucket, key, str(file))

    def write(self, file: Path, bucket: str, key: str) -> None:
        """Copy a file to an object.

        Raises
        ------
        DeniedError
            When the service may not write it.
        """
        self.check("s3:PutObject", bucket, key)
        self._client.upload_file(str(file), bucket, key)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object.

        Raises
        ------
        DeniedError
            When the service may not delete it.
        """
        self.check("s3:DeleteObject", bucket, key)
        self._client.delete_object(Bucket=bucket, Key=key)

    def check(self, action: str, bucket: str, key: str = "") -> None:
        """Check a right.

        Raises
        ------
        DeniedError
            When the service does not have it.
        """
        arn = f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")
        if cause := self._refusal(action, arn):
            raise DeniedError(f"Access Denied: {cause}.")


def client(endpoint: str, account: str, region: str) -> Any:
    """Return boto3's client of S3 for an account."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        # A key of 12 digits is its account's root.
        aws_access_key_id=account,
        aws_secret_access_key="test",  # noqa: S106  MiniStack's own, good on loopback only
        config=Config(s3={"addressing_style": "path"}),
    )
