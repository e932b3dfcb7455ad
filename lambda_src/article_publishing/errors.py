"""Errors of the flow article_publishing. The state machine matches their names."""

from __future__ import annotations


class InvalidArticle(Exception):  # noqa: N818  the state machine uses the name
    """The document or event has no valid article; a retry cannot succeed."""


class SignatureRefused(Exception):  # noqa: N818
    """The request's signature is missing, wrong or expired."""


class TargetRefused(Exception):  # noqa: N818
    """A target rejected the article; a retry cannot succeed."""


class TargetUnavailable(Exception):  # noqa: N818
    """A target is unavailable; a retry may succeed.

    `status` is the status of its response, None without a response.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class TargetBusy(Exception):  # noqa: N818
    """A target limits calls for some seconds; the state machine reads them from the message."""

    def __init__(self, name: str, seconds: int) -> None:
        super().__init__(f"{name} is busy, wait {seconds} s")
        self.seconds = seconds


class TargetStayedBusy(Exception):  # noqa: N818
    """A target stayed busy for longer than an execution waits."""


class OutcomeUnknown(Exception):  # noqa: N818
    """It is unknown whether the article was published; a retry may publish it twice."""
