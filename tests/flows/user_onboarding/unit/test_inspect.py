"""Reconciliation reads the users that executions name, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ops.executions.executions import Execution
from ops.flows import DeployedFlow
from ops.flows.user_onboarding import MOST_AT_ONCE, inspect

START = datetime(2026, 11, 21, tzinfo=UTC)
OUTPUTS = {"flows": {"user_onboarding": {"tables": {"users": {"name": "users"}}}}}


def succeeded(number: int) -> Execution:
    answer = json.dumps({"tenantId": "acme", "userId": f"u{number}", "name": "Ada"})
    return Execution("arn", "name", "SUCCEEDED", START, START, output=answer)


def test_users_whom_executions_name_are_looked_for(aws: Callable[[str], Any]) -> None:
    dynamodb = aws("dynamodb")
    keys = ("tenantId", "userId")
    dynamodb.create_table(
        TableName="users",
        KeySchema=[
            {"AttributeName": k, "KeyType": t} for k, t in zip(keys, ("HASH", "RANGE"), strict=True)
        ],
        AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    # More than one call takes.
    for number in range(MOST_AT_ONCE + 5):
        item = {"tenantId": {"S": "acme"}, "userId": {"S": f"u{number}"}}
        dynamodb.put_item(TableName="users", Item=item)
    executions = [succeeded(number) for number in range(1, MOST_AT_ONCE + 6)]

    look = inspect(DeployedFlow("user_onboarding", "local", aws, OUTPUTS))
    contents = look([*executions, executions[0]])

    assert contents.missing(executions[0]) == []
    assert contents.missing(executions[-1]) == ["users"]
    assert ("acme", "u0") not in contents.counts["users"]
    assert set(contents.counts["users"].values()) == {1}
