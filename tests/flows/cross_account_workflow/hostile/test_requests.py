"""Hostile requests: the other account gets them as they are, or they wait in the queue."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.cross_account_workflow.support.accounts import (
    INPUT,
    CrossAccount,
    accounts,
    given_to,
)
from tests.support.platform import Platform

#: Good inputs with something odd about them.
ODD: dict[str, Any] = {
    "quotes": "a\"b'c\\d/e</script>",
    "a template": "$input.body #set($a=1)${x} $util.escapeJavaScript('x') {% $x %}",
    "every letter": "é‮🦊\uffff\u2028\u0001\r\n\t",
    "JSON": '{"stateMachineArn": "arn:x", "name": "y"}',
    "other fields": {"name": "x", "stateMachineArn": "arn:x", "S": [1, None, 1.5, {"$": "#"}]},
    "a large one": "n" * 120_000,
    "a deep one": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]],
}
TARGETS = ["AUDITS", "audits ", "../audits", "x'}, $target)", None, {"audits": 1}]


@pytest.fixture(scope="module")
def flow(platform: Platform) -> CrossAccount:
    return accounts(platform)


def test_odd_inputs_arrive_as_they_are(flow: CrossAccount) -> None:
    sent = {name: {**INPUT, "odd": odd} for name, odd in ODD.items()}
    events = {name: flow.request(given) for name, given in sent.items()}

    for name, event in events.items():
        execution, _ = flow.ended(event)
        assert execution.status == "SUCCEEDED", (name, execution.error)
        [run] = flow.runs(event)
        assert given_to(run) == sent[name], name


def test_what_names_no_target_goes_nowhere(flow: CrossAccount) -> None:
    events = [flow.request(target=target) for target in TARGETS]

    for event in events:
        execution, _ = flow.ended(event)
        assert (execution.status, execution.error) == ("FAILED", "UnknownTarget")
        assert flow.runs(event) == []


@pytest.mark.parametrize("given", ["a text", 1, [1]])
def test_an_input_that_is_no_object_is_refused(flow: CrossAccount, given: Any) -> None:
    event = flow.request(given)
    execution, _ = flow.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "InputRefused")
    assert flow.failed_message(execution)["event"]["detail"]["input"] == given
