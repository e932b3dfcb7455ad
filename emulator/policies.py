"""Ask the policies of roles and resources, for what MiniStack does within its own process.

MiniStack asks them for requests that arrive by HTTP. Services that call each other inside of it,
such as a rule that starts a state machine, do not ask.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def role_refusal(
    role: str,
    action: str,
    resource: str,
    keys: Mapping[str, Any] | None = None,
    trusted: str = "",
) -> str:
    """Return why a role may not do something; an empty text when it may.

    Parameters
    ----------
    role
        The role's ARN.
    action
        Such as ``lambda:InvokeFunction``.
    resource
        Its ARN.
    keys
        The condition keys of the request and their values.
    trusted
        The service that takes the role, which the role must trust, such as
        ``events.amazonaws.com``. Without it, the role was taken already.
    """
    from ministack.core import iam_evaluator as iam
    from ministack.services import iam as roles

    account, name = role.split(":")[4], role.rpartition("/")[2]
    if trusted and (cause := trust_refusal(role, trusted, keys)):
        return cause
    session = f"arn:aws:sts::{account}:assumed-role/{name}/session"
    context = iam.EvalContext(
        principal_arn=session,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=_region(resource),
        service_context=_lower(keys),
        principal_keys={},
    )
    policies = iam._gather_role_policies(name, account)
    limits = iam._permissions_boundary(roles._roles, name, account)
    if iam.evaluate(context, policies, *limits).decision == "Allow":
        return ""
    return (
        f"User: {session} is not authorized to perform: {action} on resource: {resource} because "
        f"no identity-based policy allows the {action} action"
    )


def trust_refusal(role: str, service: str, keys: Mapping[str, Any] | None = None) -> str:
    """Return why a service may not assume a role, or an empty text when it may.

    Parameters
    ----------
    role
        The role's ARN.
    service
        The service's principal, such as ``events.amazonaws.com``.
    keys
        The condition keys of the request, such as ``aws:SourceArn``.
    """
    from ministack.core import iam_evaluator as iam
    from ministack.services import iam as roles

    account, name = role.split(":")[4], role.rpartition("/")[2]
    document = (roles._roles.get_scoped(account, None, name) or {}).get("AssumeRolePolicyDocument")
    if isinstance(document, str):
        document = json.loads(document)
    context = iam.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn=role,
        region="",
        service_context=_lower(keys),
        principal_keys={},
    )
    # The statements of a trust policy name no resource.
    statements = [{**one, "Resource": "*"} for one in (document or {}).get("Statement", ())]
    found = iam.evaluate_resource_policy({"Statement": statements}, context, service=service)
    return "" if found.decision == "Allow" else f"{role} does not trust {service}"


def resource_refusal(
    document: str | Mapping[str, Any] | None,
    service: str,
    action: str,
    resource: str,
    source: str,
    keys: Mapping[str, Any] | None = None,
) -> str:
    """Return why a resource's policy does not let a service do something, or an empty text.

    Parameters
    ----------
    document
        The resource's policy.
    service
        The service's principal, such as ``events.amazonaws.com``.
    action, resource
        The action, and the ARN of its resource.
    source
        The ARN for which the service does it, such as a rule's (``aws:SourceArn``).
    keys
        More condition keys of the request and their values.
    """
    from ministack.core import iam_evaluator as iam

    account = source.split(":")[4]
    context = iam.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=_region(resource),
        service_context=_lower(
            {"aws:SourceArn": source, "aws:SourceAccount": account, **(keys or {})}
        ),
        principal_keys={},
    )
    if document:
        found = iam.evaluate_resource_policy(document, context, service=service)
        if found.decision == "Allow":
            return ""
    return f"the policy of {resource} does not allow {service} to perform {action} for {source}"


def policy_of(service: str, resource: str) -> str | Mapping[str, Any] | None:
    """Return a resource's own policy; `service` is its name in ARNs, such as ``sqs``."""
    from ministack.core import iam_evaluator as iam
    from ministack.core.responses import get_account_id, get_region, request_scope

    # The resource may be of another account than the caller. ARNs of buckets name none.
    region, account = (*resource.split(":")[3:5], "", "")[:2]
    with request_scope(account or get_account_id(), region or get_region()):
        found = iam._resource_policy(service, resource)
    document: str | Mapping[str, Any] | None = found[0] if found else None
    return document


def _region(arn: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 else ""


def _lower(keys: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key.lower(): value for key, value in (keys or {}).items()}
