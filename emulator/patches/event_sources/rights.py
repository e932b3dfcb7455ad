"""The rights that Lambda takes from a function's role to read a source for it.

Lambda asks for them when a mapping is created or changed, and whenever it reads
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from emulator import event_sources, policies

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]
#: An action, and the ARN of its resource.
Right = tuple[str, str]

#: The rights that reading the sources of a service needs, by the service's name in ARNs.
ACTIONS = {
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
}
#: A service as error messages write it.
TITLES = {"sqs": "SQS"}


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import lambda_svc

    config_of = event_sources.config_of(lambda_svc)

    def role_of(function: str) -> str:
        return str((config_of(function) or {}).get("Role", ""))

    def source_of(mapping: str) -> JsonObject:
        return lambda_svc._esms.get(mapping) or {}

    refuse = lambda_svc._invalid_parameter_value
    lambda_svc._create_esm = event_sources.checked(
        lambda_svc._create_esm,
        config_of,
        lambda config, asked: problem_of(asked.get("EventSourceArn", ""), config.get("Role", "")),
        refuse,
    )
    lambda_svc._update_esm = changing(lambda_svc._update_esm, source_of, role_of, refuse)


def changing(
    change: Callable[[str, JsonObject], Answer],
    source_of: Callable[[str], JsonObject],
    role_of: Callable[[str], str],
    refuse: Callable[[str], Answer],
) -> Callable[[str, JsonObject], Answer]:
    """Return MiniStack's change of a mapping, which needs rights.

    Parameters
    ----------
    change
        MiniStack's function.
    source_of
        Returns a mapping by its id.
    role_of
        Returns the ARN of a function's role.
    refuse
        Returns the answer with an error's text.
    """

    def change_one(mapping: str, data: JsonObject) -> Answer:
        found = source_of(mapping)
        function = data.get("FunctionName") or found.get("FunctionArn", "")
        problem = problem_of(found.get("EventSourceArn", ""), role_of(function))
        return refuse(problem) if problem else change(mapping, data)

    return change_one


def problem_of(source: str, role: str) -> str:
    """Return why a role may not read a source when its mapping is made; empty when it may."""
    parts = source.split(":")
    if not role or len(parts) < 6:  # MiniStack refuses the function or the source itself
        return ""
    missing = next(missing_of(role, wanted(source)), None)
    if missing is None:
        return ""
    action = missing[0].partition(":")[2]
    service = TITLES[parts[2]]
    return f"The function execution role does not have permissions to call {action} on {service}"


def wanted(source: str) -> list[Right]:
    """Return the rights that a role needs to read a source."""
    return [(action, source) for action in ACTIONS.get(source.split(":")[2], ())]


def missing_of(role: str, rights: Iterable[Right]) -> Iterator[Right]:
    """Yield the rights that a role does not have."""
    return (right for right in rights if policies.role_refusal(role, *right))
