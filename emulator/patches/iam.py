"""IAM.

- ``boundaries``: policies cannot read the permissions boundary of the role that a call is about
  (``iam:PermissionsBoundary``).
- ``role-arns``: ``aws:PrincipalArn`` of a session is the session's ARN. AWS gives the ARN of its
  role.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from emulator.patches.cloudwatch import members
from emulator.settings import Settings

GAPS = ("boundaries", "role-arns")

JsonObject = dict[str, Any]


def apply(_: Settings) -> None:
    """Close the gaps."""
    from ministack.core import iam_actions, iam_evaluator
    from ministack.core.responses import get_account_id
    from ministack.services import iam

    iam_actions.request_tag_context = with_boundaries(
        iam_actions.request_tag_context,
        lambda role: iam._roles.get_scoped(get_account_id(), None, role),
    )
    iam_evaluator._resolve_condition_key = with_role_arns(iam_evaluator._resolve_condition_key)


def with_boundaries(
    context: Callable[..., JsonObject], role: Callable[[str], Mapping[str, Any] | None]
) -> Callable[..., JsonObject]:
    """Return MiniStack's reading of a request's tags, with the boundary of the role.

    Parameters
    ----------
    context
        MiniStack's function, which runs for every request.
    role
        Returns a role by its name. Its boundary counts when the request has none.
    """

    def context_of_role(service: str, action: str, body: bytes, params: JsonObject) -> JsonObject:
        found = dict(context(service, action, body, params))
        if service == "iam":
            asked = members(params)
            known = role(str(asked.get("RoleName", ""))) or {}
            boundary = asked.get("PermissionsBoundary") or known.get("PermissionsBoundary")
            if boundary:
                found["iam:PermissionsBoundary"] = boundary
        return found

    return context_of_role


def with_role_arns(value_of: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """Return MiniStack's value of a condition key, which for a session is its role's ARN."""

    def value_with_role(key: str, context: Any) -> Any:
        value = value_of(key, context)
        if key.lower() == "aws:principalarn" and isinstance(value, str):
            return re.sub(
                r"^(arn:[^:]+):sts::(\d+):assumed-role/([^/]+)/.*", r"\1:iam::\2:role/\3", value
            )
        return value

    return value_with_role
