"""Recordings in S3: read one, and replace it by its archived form, in one request each.

The archived form keeps the key, tags, metadata and encryption of the recording. It gets the tag
``converted=True`` and a cheaper storage class. The bucket keeps the replaced version until its
lifecycle rule deletes it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from call_recording_archival.audio import convert
from call_recording_archival.errors import NeedsRestore, RecordingChanged, TooManyTags
from flowbridge.clients import client

#: The tag of an archived recording.
TAG = {"Key": "converted", "Value": "True"}
#: S3 keeps no more tags of an object.
MOST_TAGS = 10
#: A large recording takes S3 a moment to store.
READ_SECONDS = 30
#: How often a recording is read that others replace meanwhile.
ATTEMPTS = 3
#: Headers of the object that the archived form keeps.
KEPT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Metadata",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "BucketKeyEnabled",
    "WebsiteRedirectLocation",
)


def archive(bucket: str, key: str, storage_class: str, overwrites: bool) -> str:
    """Replace a recording by its archived form; return what was done.

    Parameters
    ----------
    bucket, key
        The recording.
    storage_class
        The class of the archived form.
    overwrites
        Whether a recording that was archived before is archived again.

    Returns
    -------
    str
        ``archived``, ``archived before`` or ``gone``.

    Raises
    ------
    PermanentError
        When the recording cannot be converted.
    RecordingChanged
        When it was replaced during every attempt.
    """
    for _ in range(ATTEMPTS):
        done = _archive_once(bucket, key, storage_class, overwrites)
        if done:
            return done
    raise RecordingChanged(f"the recording changed during {ATTEMPTS} attempts")


def is_archived(bucket: str, key: str) -> bool:
    """Return whether a recording has the tag of the archive."""
    s3 = client("s3", READ_SECONDS)
    return TAG in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]


def _archive_once(bucket: str, key: str, storage_class: str, overwrites: bool) -> str:
    """Return what was done; an empty text when the recording was replaced meanwhile."""
    from botocore.exceptions import ClientError

    s3 = client("s3", READ_SECONDS)
    try:
        found = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchKey":
            return "gone"
        if code == "InvalidObjectState":
            raise NeedsRestore(
                "the recording is in an archive that must restore it first (RestoreObject)"
            ) from None
        raise
    with found["Body"] as body:
        tags = _tags(s3, bucket, key, found)
        if TAG in tags and not overwrites:
            return "archived before"
        kept = [tag for tag in tags if tag["Key"] != TAG["Key"]]
        if len(kept) >= MOST_TAGS:
            raise TooManyTags(f"the recording has {len(kept)} tags, and S3 keeps {MOST_TAGS}")
        content = convert(body)
    try:
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=content,
            # The version that was read is still the newest one.
            IfMatch=found["ETag"],
            StorageClass=storage_class,
            Tagging=urlencode([(tag["Key"], tag["Value"]) for tag in [*kept, TAG]]),
            **{name: found[name] for name in KEPT if found.get(name) not in (None, "", {})},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
            return ""
        raise
    return "archived"


def _tags(s3: Any, bucket: str, key: str, found: dict[str, Any]) -> list[dict[str, str]]:
    """Return the tags of the version that was read."""
    if not found.get("TagCount"):
        return []
    version = {"VersionId": found["VersionId"]} if found.get("VersionId") else {}
    tags: list[dict[str, str]] = s3.get_object_tagging(Bucket=bucket, Key=key, **version)["TagSet"]
    return tags
