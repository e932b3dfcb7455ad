"""Fields of state machines and states that MiniStack omits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

TRACING = "tracingConfiguration"
#: The ARN of an alias or a version of a state machine, whose own ARN has seven parts.
QUALIFIED = re.compile(r"^(arn:[^:]+:states:[^:]+:[^:]+:stateMachine:[^:]+):[^:]+$")

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.core import iam_actions
    from ministack.services import stepfunctions

    iam_actions.extract_resource_arn = of_state_machines(iam_actions.extract_resource_arn)
    machines = stepfunctions._state_machines
    for name in ("_create_state_machine", "_update_state_machine"):
        change = getattr(stepfunctions, name)
        setattr(stepfunctions, name, remember_tracing(change, machines))
    stepfunctions._apply_output_path = with_outputs(
        stepfunctions._apply_output_path, stepfunctions._apply_jsonata_template
    )


def of_state_machines(resource: Callable[..., str]) -> Callable[..., str]:
    """Return MiniStack's lookup of a call's resource, which for an alias is its state machine.

    Step Functions asks for the right on the state machine
    (https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html).

    Parameters
    ----------
    resource
        MiniStack's function.
    """

    def arn(service: str, method: str, path: str, headers: Any, body: bytes, *request: Any) -> str:
        found = resource(service, method, path, headers, body, *request)
        if service == "states" and found == "*":
            # Requests about an alias itself.
            found = alias_of(body) or found
        return QUALIFIED.sub(r"\1", found)

    return arn


def alias_of(body: bytes) -> str | None:
    """Return the ARN of the alias that a request is about, None if it is about something else."""
    try:
        found = json.loads(body).get("stateMachineAliasArn")
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def with_outputs(apply: Callable[..., Any], fill: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's output of a state, with the ``Output`` of a Succeed state evaluated.

    Parameters
    ----------
    apply
        MiniStack's function, used for every other state.
    fill
        Evaluates a template's expressions, given the state's input and context.
    """

    def output(state: JsonObject, value: Any, context: Any = None) -> Any:
        if state.get("Type") == "Succeed" and "Output" in state:
            return fill(state["Output"], value, context)
        return apply(state, value, context)

    return output


def remember_tracing(
    change: Callable[[JsonObject], Answer], state_machines: Mapping[str, JsonObject]
) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's creation or update of a state machine, which keeps the tracing.

    Parameters
    ----------
    change
        ``CreateStateMachine`` or ``UpdateStateMachine``.
    state_machines
        MiniStack's state machines by ARN, as ``DescribeStateMachine`` returns them.
    """

    def change_and_remember(data: JsonObject) -> Answer:
        answer = change(data)
        if answer[0] == 200 and TRACING in data:
            arn = data.get("stateMachineArn") or json.loads(answer[2])["stateMachineArn"]
            state_machines[arn][TRACING] = data[TRACING]
        return answer

    return change_and_remember
