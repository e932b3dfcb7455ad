"""The rights of event source mappings: Lambda reads a source as the function's role."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emulator import policies

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]

#: The actions by which Lambda sends what it could not process to its destination.
SENDING = {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}


def refusal(role: str, actions: Sequence[str], source: str) -> str:
    """Return why a role may not do one of some actions on a source; an empty text when it may.

    Parameters
    ----------
    role
        ARN of the role of the mapping's function.
    actions
        The actions by which Lambda reads the source.
    source
        ARN of the source.
    """
    refusals = (policies.role_refusal(role, action, source) for action in actions)
    return next((text for text in refusals if text), "")


def checked(
    create: Callable[[JsonObject], Answer],
    function_of: Callable[[str], Mapping[str, Any] | None],
    problem_of: Callable[[Mapping[str, Any], JsonObject], str],
    refuse: Callable[[str], Answer],
) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's creation of a mapping, which needs the rights of the function's role.

    Parameters
    ----------
    create
        MiniStack's function.
    function_of
        Returns the configuration of a function by its name or ARN.
    problem_of
        Returns why the role of a function's configuration may not read the source of a mapping, or
        an empty text.
    refuse
        Returns the answer with an error's text.
    """

    def create_with_rights(asked: JsonObject) -> Answer:
        config = function_of(str(asked.get("FunctionName", "")))
        problem = problem_of(config, asked) if config else ""
        return refuse(problem) if problem else create(asked)

    return create_with_rights


def config_of(functions: Any) -> Callable[[str], Mapping[str, Any] | None]:
    """Return the lookup of a function's configuration in MiniStack's ``lambda_svc``."""

    def find(reference: str) -> Mapping[str, Any] | None:
        name, qualifier = functions._resolve_request_scoped_name_and_qualifier(reference)
        _, config = functions._get_func_record_for_qualifier(name, qualifier)
        found: Mapping[str, Any] | None = config
        return found

    return find
