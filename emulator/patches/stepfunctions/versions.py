"""Executions of the versions that an alias routes to.

MiniStack starts every execution with the definition of the state machine itself, whatever the alias
or version, and lists executions by the state machine alone.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
JsonObject = dict[str, Any]

VERSION, ALIAS = "stateMachineVersionArn", "stateMachineAliasArn"


def apply() -> None:
    """Replace MiniStack's functions."""
    from ministack.services import stepfunctions

    executions = stepfunctions._executions
    stepfunctions._describe_execution = with_origin(stepfunctions._describe_execution, executions)
    stepfunctions._list_executions = by_version(stepfunctions._list_executions, executions)


def origin_of(machines: Any, arn: str) -> JsonObject:
    """Return the fields of an execution that say which version and alias it started with.

    Parameters
    ----------
    machines
        MiniStack's Step Functions.
    arn
        The ARN that the request names: of a state machine, a version or an alias.
    """
    routes = (machines._state_machine_aliases.get(arn) or {}).get("routingConfiguration")
    if routes:
        [route] = random.choices(routes, [route["weight"] for route in routes])  # noqa: S311
        return {ALIAS: arn, VERSION: route[VERSION]}
    return {VERSION: arn} if arn in machines._state_machine_versions else {}


def with_origin(
    describe: Callable[[JsonObject], Answer], executions: Any
) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's description of an execution, with its version and alias."""

    def describe_with_origin(data: JsonObject) -> Answer:
        status, headers, body = describe(data)
        execution = executions.get(data.get("executionArn"))
        if status != 200 or execution is None:
            return status, headers, body
        origin = {key: execution[key] for key in (VERSION, ALIAS) if key in execution}
        return status, headers, json.dumps({**json.loads(body), **origin}).encode()

    return describe_with_origin


def by_version(
    find: Callable[[JsonObject], Answer], executions: Any
) -> Callable[[JsonObject], Answer]:
    """Return MiniStack's list of executions, which takes the ARN of a version or an alias too.

    Its tokens are numbers of executions that were listed before.
    """

    def list_executions(data: JsonObject) -> Answer:
        arn = str(data.get("stateMachineArn", ""))
        base = arn.rpartition(":")[0]
        # The ARN of a state machine itself ends in its name.
        if base.endswith(":stateMachine") or ":stateMachine:" not in base:
            return find(data)
        given = {k: v for k, v in data.items() if k not in ("nextToken", "maxResults")}
        found: list[JsonObject] = []
        token: JsonObject = {}
        while True:
            status, headers, body = find({**given, **token, "stateMachineArn": base})
            if status != 200:
                return status, headers, body
            page = json.loads(body)
            found += [
                {**item, **{k: v for k, v in origin.items() if k in (VERSION, ALIAS)}}
                for item in page["executions"]
                for origin in [executions.get(item["executionArn"]) or {}]
                if arn in (origin.get(VERSION), origin.get(ALIAS))
            ]
            if not (token := {k: v for k, v in page.items() if k == "nextToken"}):
                break
        begin = int(data.get("nextToken") or 0)
        end = begin + int(data.get("maxResults") or 1000)
        answer: JsonObject = {"executions": found[begin:end]}
        if end < len(found):
            answer["nextToken"] = str(end)
        return status, headers, json.dumps(answer).encode()

    return list_executions
