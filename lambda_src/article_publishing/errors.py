"""What can go wrong with an article. The names are part of the state machine's Retry and Catch."""

from __future__ import annotations


class InvalidArticle(Exception):  # noqa: N818  the name is part of the state machine
    """There is no article that could be published; sending it again will not help."""


class SignatureRefused(Exception):  # noqa: N818
    """The request is not proven to come from the CMS just now."""


class TargetRefused(Exception):  # noqa: N818
    """A target refused the article; sending it again will not help."""


class TargetUnavailable(Exception):  # noqa: N818
    """A target did not do its work this time; sending it again may help.

    `status` is what it answered, if it answered.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class TargetBusy(Exception):  # noqa: N818
    """A target takes no more calls for now, and said how long (the state machine reads it)."""

    def __init__(self, name: str, seconds: int) -> None:
        super().__init__(f"{name} is busy, wait {seconds} s")
        self.seconds = seconds


class TargetStayedBusy(Exception):  # noqa: N818
    """A target was busy for longer than an execution waits."""


class OutcomeUnknown(Exception):  # noqa: N818
    """Nobody can tell yet whether the article is there; sending it again may publish it twice."""
