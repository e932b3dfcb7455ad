"""Inspections read only the rows that executions name."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from crm_api.count_rows import MOST_KEYS
from ops.errors import OperationError
from ops.executions.executions import Execution
from ops.recovery import places
from tests.support.times import START

ARN = "arn:machine"
OUTPUTS = {
    "functions": {"crm_registration": {"count_rows": {"name": "count-rows"}}},
    "state_machine_arns": {"user_onboarding": ARN},
}


class Machine:
    """A state machine that names its table."""

    def describe_state_machine(self, **_: str) -> dict[str, str]:
        states = {"CreateUser": {"Arguments": {"TableName": "users"}}}
        return {"definition": json.dumps({"States": states})}


class CountRows:
    """The function that counts rows, of these keys or failing."""

    def __init__(self, counts: dict[tuple[str, ...], int], error: str = "") -> None:
        self.asked: list[dict[str, list[list[str]]]] = []
        self._counts = counts
        self._error = error

    def invoke(self, **call: Any) -> dict[str, Any]:
        assert (call["FunctionName"], call["Qualifier"]) == ("count-rows", "live")
        keys = json.loads(call["Payload"])["keys"]
        self.asked.append(keys)
        if self._error:
            failed = json.dumps({"errorMessage": self._error}).encode()
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(failed)}
        found = {t: [self._counts.get(tuple(k), 0) for k in ks] for t, ks in keys.items()}
        return {"Payload": io.BytesIO(json.dumps(found).encode())}


def of_lead(answer: dict[str, Any]) -> Execution:
    return Execution("arn", "name", "SUCCEEDED", START, START, output=json.dumps(answer))


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

    look = places.of("user_onboarding", client, OUTPUTS)
    assert look is not None
    contents = look([*executions, executions[0]])

    assert contents.missing(executions[0]) == []
    assert contents.missing(executions[-1]) == ["users"]
    assert ("acme", "u0") not in contents.counts["users"]
    assert set(contents.counts["users"].values()) == {1}


def test_rows_that_executions_name_are_counted_by_the_function() -> None:
    answers: list[dict[str, Any]] = [{"rut": f"{n}-K", "store": "x", "phone": 1} for n in range(2)]
    smoke_test = {"rut": "000123456-0", "store": "x"}
    function = CountRows({("0-K",): 1, ("0-K", "x"): 1})
    executions = [of_lead(answer) for answer in (*answers, answers[0], smoke_test)]

    look = places.of("crm_registration", lambda _: function, OUTPUTS)
    assert look is not None
    contents = look(executions)

    assert contents.missing(executions[0]) == []
    assert contents.missing(executions[1]) == ["CLIENTS", "PARTNERS", "BENEFIT"]
    assert contents.missing(executions[3]) == []
    assert function.asked == [
        {
            "CLIENTS": [["0-K"], ["1-K"]],
            "PARTNERS": [["0-K", "x"], ["1-K", "x"]],
            "BENEFIT": [["0-K"], ["1-K"]],
        }
    ]


def test_many_rows_are_counted_in_parts() -> None:
    function = CountRows({})
    look = places.of("crm_registration", lambda _: function, OUTPUTS)
    assert look is not None

    look([of_lead({"rut": f"{n}-K", "store": "x"}) for n in range(places.MOST_ROWS_AT_ONCE)])

    sizes = [sum(map(len, asked.values())) for asked in function.asked]
    assert sizes == [MOST_KEYS] * 3


def test_a_function_that_fails_is_named() -> None:
    look = places.of("crm_registration", lambda _: CountRows({}, "no database"), OUTPUTS)
    assert look is not None

    with pytest.raises(OperationError, match=r"no database.*count-rows"):
        look([of_lead({"rut": "1-K", "store": "x"})])


def test_flows_that_leave_nothing_are_not_looked_at() -> None:
    def never(_: str) -> Any:
        raise AssertionError

    assert places.of("another", never, OUTPUTS) is None
