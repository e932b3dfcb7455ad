"""IAM.

- ``boundaries``: policies cannot read the permissions boundary of the role that a call is about
  (``iam:PermissionsBoundary``).
- ``role-arns``: ``aws:PrincipalArn`` of a session is the session's ARN. AWS gives the ARN of its
  role.
- ``resources``: calls of Glue, Athena, Batch and Transcribe are checked against one resource, which
  is often not AWS's.
- ``newest-revisions``: a job definition without a revision is checked by its name alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from emulator.patches.cloudwatch import members
from emulator.resource_arns import resources_of
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "boundaries": "``iam:PermissionsBoundary`` has the boundary of the role that a call is about.",
    "role-arns": "``aws:PrincipalArn`` of a session is the ARN of its role.",
    "resources": "A call is checked against all its resources: a table, its database, the catalog.",
    "newest-revisions": (
        "A job definition without a revision may be checked by its newest one. A policy must allow "
        "both forms, because AWS's pages disagree."
    ),
}

JsonObject = dict[str, Any]

#: The resources of a request in addition to the one that MiniStack checks first.
_further: ContextVar[tuple[str, ...]] = ContextVar("further", default=())


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
    iam_actions.extract_resource_arn = with_resources(iam_actions.extract_resource_arn)
    iam_evaluator.enforce = with_every_resource(iam_evaluator.enforce)


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


def with_resources(guess: Callable[..., str]) -> Callable[..., str]:
    """Return MiniStack's naming of a request's resource, with AWS's resources."""

    def first(
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
        region: str,
        account: str,
    ) -> str:
        from ministack.core import iam_actions

        try:
            fields = json.loads(body or b"{}")
        except ValueError:
            fields = {}
        named = iam_actions.extract_iam_action(service, method, path, headers, body, query) or ""
        found = resources_of(
            service,
            named.partition(":")[2],
            fields if isinstance(fields, dict) else {},
            f"{region}:{account}",
            workgroup_of,
            revision_of,
        )
        _further.set(tuple(found[1:]))
        own = guess(service, method, path, headers, body, query, region, account)
        return found[0] if found else own

    return first


def workgroup_of(query: str) -> str:
    """Return the workgroup of an Athena query; the one of none is ``primary``."""
    from ministack.services import athena

    known = athena._executions.get(query) or {}
    return str(known.get("WorkGroup") or "primary")


def revision_of(definition: str) -> str:
    """Return the newest active revision of a job definition, or nothing."""
    from ministack.services import batch

    known = batch._job_definitions.get(definition) or []
    active = [one["revision"] for one in known if one["status"] == "ACTIVE"]
    return str(max(active, default=""))


def with_every_resource(enforce: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's check of a request, which goes on to the further resources."""

    def enforce_all(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: JsonObject | None = None,
    ) -> Any:
        further = _further.get()
        _further.set(())
        for resource in (resource_arn, *further):
            refused = enforce(access_key, action, service, region, resource, service_context)
            if refused:
                return refused
        return None

    return enforce_all
