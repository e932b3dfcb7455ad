"""Errors of the flow. The state machine and the queue's function distinguish them by class."""

from __future__ import annotations


class InvalidEvent(Exception):  # noqa: N818  the state machine uses the name
    """The event names no day whose recordings may be archived; a retry cannot succeed."""


class QueueUnavailable(Exception):  # noqa: N818
    """SQS did not take every message; a retry may succeed."""


class RecordingChanged(Exception):  # noqa: N818
    """A recording was replaced again and again while it was converted; a retry may succeed."""


class PermanentError(Exception):
    """A recording that cannot be converted, whenever it is tried."""


class BrokenRecording(PermanentError):  # noqa: N818  operators read the name
    """The file is not a WAV file, or it ends before its samples do."""


class UnsupportedAudio(PermanentError):  # noqa: N818
    """The file is a WAV file in a form that is not converted."""


class NeedsRestore(PermanentError):  # noqa: N818
    """The recording is in S3 Glacier or Deep Archive; it must be restored first."""


class TooManyTags(PermanentError):  # noqa: N818
    """The recording has as many tags as S3 allows, and no room for that of the archive."""


class UnknownMessage(PermanentError):  # noqa: N818
    """The message names no recording."""
