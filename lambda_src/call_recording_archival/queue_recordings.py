"""QueueRecordings: put the recordings of one page of a day into the queue."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

from call_recording_archival.archive import is_archived
from call_recording_archival.errors import QueueUnavailable
from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import get_logger

log = get_logger("queue_recordings")

SUFFIX = ".wav"
#: SQS takes no more messages in one call.
MOST_AT_ONCE = 10
#: Reads of tags, and calls of SQS, at the same time.
WORKERS = 10
READ_SECONDS = 10


def handler(state: dict[str, Any], _context: object) -> dict[str, Any]:
    """Queue a page; return the token of the next one, and how many recordings it had.

    The state has no keys: a page of them would be near the limit of a state's output.

    Parameters
    ----------
    state
        ``day`` as ``YYYY-MM-DD``, and ``token``: of the page, or nothing for the first one.

    Raises
    ------
    QueueUnavailable
        When SQS does not take all messages. The page is queued again then, and a recording that
        was converted meanwhile is left alone.
    """
    day, token = date.fromisoformat(state["day"]), state.get("token")
    bucket = config.required("RECORDINGS_BUCKET")
    page = client("s3", READ_SECONDS).list_objects_v2(
        Bucket=bucket,
        Prefix=f"{config.required('RECORDINGS_PREFIX').removeprefix('/')}{day:%Y/%m/%d}/",
        MaxKeys=int(config.required("PAGE_SIZE")),
        **({"ContinuationToken": token} if token else {}),
    )
    found = page.get("Contents", [])
    recordings = [one for one in found if one["Key"].lower().endswith(SUFFIX)]
    keys = [*unconverted(bucket, recordings)]
    put([*batches(keys)])
    counts = {
        "queued": len(keys),
        "archived": len(recordings) - len(keys),
        "others": len(found) - len(recordings),
    }
    log.info("page queued", extra={"day": str(day), **counts})
    return {"token": page.get("NextContinuationToken"), **counts}


def unconverted(bucket: str, recordings: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the keys of the recordings that are not archived yet.

    A page has no tags. A recording in S3 Standard was never converted, because that moves it to
    another class, so only the tags of the others are read.
    """
    every = list(recordings)
    overwrites = config.required("OVERWRITE_PREVIOUS_CONVERTED") == "true"
    client("s3", READ_SECONDS)  # before the threads: it is made once

    def is_done(recording: dict[str, Any]) -> bool:
        is_new = recording.get("StorageClass", "STANDARD") == "STANDARD"
        return not is_new and not overwrites and is_archived(bucket, recording["Key"])

    with ThreadPoolExecutor(WORKERS) as pool:
        for recording, done in zip(every, pool.map(is_done, every), strict=True):
            if not done:
                yield recording["Key"]


def batches(keys: list[str]) -> Iterator[list[dict[str, str]]]:
    """Yield the messages of recordings, as many as SQS takes at once."""
    for start in range(0, len(keys), MOST_AT_ONCE):
        some = keys[start : start + MOST_AT_ONCE]
        # JSON escapes the characters that SQS refuses.
        yield [
            {"Id": str(number), "MessageBody": json.dumps({"key": key})}
            for number, key in enumerate(some)
        ]


def put(every: list[list[dict[str, str]]]) -> None:
    """Send messages.

    Raises
    ------
    QueueUnavailable
        When SQS does not take all.
    """
    sqs, url = client("sqs"), config.required("CONVERT_QUEUE_URL")
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = pool.map(
            lambda entries: sqs.send_message_batch(QueueUrl=url, Entries=entries), every
        )
        refused = sum(len(answer.get("Failed", ())) for answer in answers)
    if refused:
        raise QueueUnavailable(f"SQS refused {refused} messages")
