"""Reconciliation reads the users that executions name, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.executions.executions import Execution
from ops.flows import DeployedFlow
from ops.flows.user_onboarding import INDEX, MOST_AT_ONCE, inspect

START = datetime(2026, 11, 21, tzinfo=UTC)
OUTPUTS = {"flows": {"user_onboarding": {"tables": {"users": {"name": "users"}}}}}


def succeeded(number: int) -> Execution:
    answer = json.dumps({"tenantId": "acme", "userId": f"u{number}", "name": "Ada"})
    return Execution("arn", "name", "SUCCEEDED", START, START, output=answer)


@pytest.fixture
def users(aws: Callable[[str], Any]) -> Any:
    """A client of DynamoDB, with the table of users."""
    dynamodb = aws("dynamodb")
    keys = ("tenantId", "userId")
    dynamodb.create_table(
        TableName="users",
        KeySchema=[
            {"AttributeName": k, "KeyType": t} for k, t in zip(keys, ("HASH", "RANGE"), strict=True)
        ],
        AttributeDefinitions=[
            {"AttributeName": k, "AttributeType": "S"} for k in (*keys, "execution")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [{"AttributeName": "execution", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return dynamodb


def test_users_whom_executions_name_are_looked_for(aws: Callable[[str], Any], users: Any) -> None:
    # More than one call takes.
    for number in range(MOST_AT_ONCE + 5):
        item = {"tenantId": {"S": "acme"}, "userId": {"S": f"u{number}"}}
        users.put_item(TableName="users", Item=item)
    executions = [succeeded(number) for number in range(1, MOST_AT_ONCE + 6)]

    inspector = inspect(DeployedFlow("user_onboarding", "local", aws, OUTPUTS))
    contents = inspector.look([*executions, executions[0]])

    assert contents.missing(executions[0]) == []
    assert contents.missing(executions[-1]) == ["users"]
    assert ("acme", "u0") not in contents.counts["users"]
    assert set(contents.counts["users"].values()) == {1}


def test_a_user_is_found_by_the_execution_that_made_it(
    aws: Callable[[str], Any], users: Any
) -> None:
    made, found_one, removed = (
        Execution(f"arn:{name}", name, "SUCCEEDED", START, START)
        for name in ("made", "found-one", "removed")
    )
    item = {"tenantId": {"S": "acme"}, "userId": {"S": "u1"}, "execution": {"S": made.arn}}
    users.put_item(TableName="users", Item=item)

    inspector = inspect(DeployedFlow("user_onboarding", "local", aws, OUTPUTS))

    assert inspector.complete([made, found_one, removed]) == {"made"}
    assert inspector.complete([]) == set()
