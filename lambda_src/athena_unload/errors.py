"""Errors of the unload."""

from __future__ import annotations


class InvalidRequest(Exception):  # noqa: N818  the state machine uses the name
    """The request is not valid; a retry cannot succeed."""


class UnloadIncomplete(Exception):  # noqa: N818
    """The manifest names files that do not exist; the pointer stays as it is."""


class PointerMoved(Exception):  # noqa: N818
    """Another run moved the pointer at the same moment; a retry reads it again."""
