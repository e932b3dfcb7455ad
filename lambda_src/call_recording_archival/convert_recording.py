"""ConvertRecording: archive the recordings that the queue names."""

from __future__ import annotations

import json

from call_recording_archival.archive import archive
from call_recording_archival.errors import PermanentError, UnknownMessage
from flowbridge import config
from flowbridge.logs import get_logger
from flowbridge.queue_batch import Consumer

log = get_logger("convert_recording")


def convert_one(body: str) -> None:
    """Archive the recording of one message.

    Raises
    ------
    PermanentError
        When it can never be archived.
    RecordingChanged
        When it was replaced during every attempt.
    """
    try:
        key = json.loads(body)["key"]
    except (ValueError, TypeError, KeyError, RecursionError):
        key = None
    if not isinstance(key, str) or not key:
        raise UnknownMessage("the message has no key of a recording")
    done = archive(
        config.required("RECORDINGS_BUCKET"),
        key,
        config.required("STORAGE_CLASS"),
        config.required("OVERWRITE_PREVIOUS_CONVERTED") == "true",
    )
    # A key has the time of a call and the agent's contact.
    log.debug("recording handled", extra={"key": key, "result": done})


#: A long call takes a minute, and one of another rate several.
handler = Consumer(convert_one, permanent=(PermanentError,), seconds=1)
