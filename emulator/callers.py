"""The rights of the caller of the current request, for what a service does in their name.

Athena, for example, reads the tables and objects of a query with the rights of the query's caller.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

_key: ContextVar[str] = ContextVar("key", default="")


def remember(access_key: str) -> None:
    """Keep the access key of the current request; what it starts has it too."""
    _key.set(access_key)


def refusal(action: str, resource: str) -> str:
    """Return why the caller may not do an action on a resource; an empty text when they may."""
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_region

    ask: Callable[..., Any] = iam_evaluator.enforce
    service = action.partition(":")[0]
    kept = _key.get()
    if ask(kept, action, service, get_region(), resource) is None:
        return ""
    return (
        f"User is not authorized to perform: {action} on resource: {resource} because no "
        f"identity-based policy allows the {action} action"
    )
