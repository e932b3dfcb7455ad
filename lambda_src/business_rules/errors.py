"""Errors of the flow business_rules. The state machine and the API match their names."""

from __future__ import annotations


class InvalidRequest(Exception):  # noqa: N818  the state machine uses the name
    """The request breaks a rule of its schema; a retry cannot succeed."""


class EngineRejected(Exception):  # noqa: N818
    """The rules engine rejected the request; a retry cannot succeed."""


class EngineUnavailable(Exception):  # noqa: N818
    """The rules engine is unavailable; a retry may succeed."""


class EngineAnswerInvalid(Exception):  # noqa: N818
    """The rules engine answered something that is not a policy with a premium."""
