"""Reconciliation counts the rows that executions name, and no others."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from crm.count_rows import MAX_KEYS
from ops.errors import OperationError
from ops.executions.executions import Execution
from ops.flows import DeployedFlow
from ops.flows.crm_registration.inspection import MOST_ROWS_AT_ONCE, inspect
from tests.support.times import START

OUTPUTS = {
    "flows": {"crm_registration": {"functions": {"count_rows": {"name": "count-rows"}}}},
}


class CountRows:
    """The function that counts rows, of these keys or failing."""

    def __init__(
        self,
        counts: dict[tuple[str, ...], int],
        error: str = "",
        complete: frozenset[str] = frozenset(),
    ) -> None:
        self.asked: list[dict[str, list[list[str]]]] = []
        self.asked_names: list[list[str]] = []
        self._complete = complete
        self._counts = counts
        self._error = error

    def invoke(self, **call: Any) -> dict[str, Any]:
        assert (call["FunctionName"], call["Qualifier"]) == ("count-rows", "live")
        event = json.loads(call["Payload"])
        if "executions" in event:
            complete = [name for name in event["executions"] if name in self._complete]
            self.asked_names.append(event["executions"])
            return {"Payload": io.BytesIO(json.dumps({"complete": complete}).encode())}
        keys = event["keys"]
        self.asked.append(keys)
        if self._error:
            failed = json.dumps({"errorMessage": self._error}).encode()
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(failed)}
        found = {t: [self._counts.get(tuple(k), 0) for k in ks] for t, ks in keys.items()}
        return {"Payload": io.BytesIO(json.dumps(found).encode())}


def deployed(function: CountRows) -> DeployedFlow:
    return DeployedFlow("crm_registration", "local", lambda _: function, OUTPUTS)


def of_lead(answer: dict[str, Any]) -> Execution:
    return Execution("arn", "name", "SUCCEEDED", START, START, output=json.dumps(answer))


def test_rows_that_executions_name_are_counted_by_the_function() -> None:
    answers: list[dict[str, Any]] = [{"rut": f"{n}-K", "store": "x", "phone": 1} for n in range(2)]
    smoke_test = {"rut": "000123456-0", "store": "x"}
    function = CountRows({("0-K",): 1, ("0-K", "x"): 1})
    executions = [of_lead(answer) for answer in (*answers, answers[0], smoke_test)]

    look = inspect(deployed(function)).look
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
    look = inspect(deployed(function)).look

    look([of_lead({"rut": f"{n}-K", "store": "x"}) for n in range(MOST_ROWS_AT_ONCE)])

    sizes = [sum(map(len, asked.values())) for asked in function.asked]
    assert sizes == [MAX_KEYS] * 3


def test_a_function_that_fails_is_named() -> None:
    look = inspect(deployed(CountRows({}, "no database"))).look

    with pytest.raises(OperationError, match=r"no database.*count-rows"):
        look([of_lead({"rut": "1-K", "store": "x"})])


def test_executions_whose_rows_name_them_are_found_in_parts() -> None:
    names = [f"event{n}_1" for n in range(MOST_ROWS_AT_ONCE + 1)]
    function = CountRows({}, complete=frozenset(names[1:]))
    executions = [Execution("arn", name, "SUCCEEDED", START, START) for name in names]

    found = inspect(deployed(function)).complete(executions)

    assert found == set(names[1:])
    assert [len(asked) for asked in function.asked_names] == [MAX_KEYS, 1]
    assert function.asked == []
