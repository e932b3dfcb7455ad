"""What a flow left is looked at, and no more than executions name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ops import places
from ops.executions import Execution
from tests.unit.ops.test_executions import START

ARN = "arn:machine"
OUTPUTS = {"database": {}, "state_machine_arns": {"user_onboarding": ARN}}


class Machine:
    """A state machine that names its table."""

    def describe_state_machine(self, **_: str) -> dict[str, str]:
        states = {"CreateUser": {"Arguments": {"TableName": "users"}}}
        return {"definition": json.dumps({"States": states})}


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
    for number in range(places.MOST_AT_ONCE + 5):
        item = {"tenantId": {"S": "acme"}, "userId": {"S": f"u{number}"}}
        dynamodb.put_item(TableName="users", Item=item)
    executions = [succeeded(number) for number in range(1, places.MOST_AT_ONCE + 6)]

    def client(service: str) -> Any:
        return Machine() if service == "stepfunctions" else aws(service)

    look = places.of("user_onboarding", client, OUTPUTS, is_local=False)
    assert look is not None
    contents = look([*executions, executions[0]])

    assert contents.missing(executions[0]) == []
    assert contents.missing(executions[-1]) == ["users"]
    assert ("acme", "u0") not in contents.counts["users"]
    assert set(contents.counts["users"].values()) == {1}


def test_the_private_database_and_flows_that_leave_nothing_are_not_looked_at() -> None:
    def never(_: str) -> Any:
        raise AssertionError

    assert places.of("crm_registration", never, OUTPUTS, is_local=False) is None
    assert places.of("another", never, OUTPUTS, is_local=True) is None
