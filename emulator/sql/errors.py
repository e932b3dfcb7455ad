"""Errors of queries, in Athena's words."""

from __future__ import annotations


class QueryFailed(Exception):  # noqa: N818  it is Athena's state of a query
    """A query cannot be run; the message begins with Athena's name of the error."""


class LimitExceeded(Exception):  # noqa: N818  Athena cancels the query
    """A query would scan more bytes than its workgroup allows."""
