"""The other account's API fails for a while: each request runs there once, none is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ops.flows import cross_account_workflow as hooks
from tests.flows.cross_account_workflow.end_to_end.test_accounts import without
from tests.flows.cross_account_workflow.support.accounts import CrossAccount, accounts
from tests.support.platform import Platform, wait_for

REQUESTS = 6


@pytest.fixture(scope="module")
def flow(platform: Platform) -> CrossAccount:
    return accounts(platform)


@pytest.mark.parametrize("sid", ["PostExecutions", "GetExecutions"])
def test_a_target_that_fails_for_a_moment_runs_each_request_once(
    flow: CrossAccount, sid: str
) -> None:
    """Its API answers 500 meanwhile; events come twice."""
    with without(flow, sid):
        events = [flow.request() for _ in range(REQUESTS)]
        for event in events:
            flow.start_again(event)
        time.sleep(1)
    ended = [flow.ended(event)[0] for event in events]
    failed = [execution for execution in ended if execution.status != "SUCCEEDED"]

    # A request that gave up waits, with its event.
    for execution in failed:
        assert flow.failed_message(execution)["event"]["id"] == execution.event_id
    assert len(failed) < REQUESTS
    runs = [flow.runs(event) for event in events]
    assert {len(found) for found in runs} <= {0, 1}
    assert [len(found) for found, e in zip(runs, ended, strict=True) if e not in failed] == [1] * (
        REQUESTS - len(failed)
    )


@contextmanager
def losing_answers(flow: CrossAccount) -> Iterator[None]:
    """Have the other account's API answer 500 to each start that succeeded."""
    client = flow.other("apigateway")
    api = {"restApiId": hooks.API_ID}
    [resource] = [r for r in client.get_resources(**api)["items"] if r["path"] == "/executions"]
    which = {**api, "resourceId": resource["id"], "httpMethod": "POST", "statusCode": "202"}
    before = client.get_integration_response(**which)
    kept = {
        name: before[name] for name in ("selectionPattern", "responseTemplates") if name in before
    }
    [stage] = client.get_stages(**api)["item"]
    lost = '#set($context.responseOverride.status = 500){"message":"The answer is lost."}'
    client.put_integration_response(
        **which, **{**kept, "responseTemplates": {"application/json": lost}}
    )
    deployment = client.create_deployment(**api, stageName=stage["stageName"])["id"]
    try:
        yield
    finally:
        client.put_integration_response(**which, **kept)
        client.update_stage(
            **api,
            stageName=stage["stageName"],
            patchOperations=[
                {"op": "replace", "path": "/deploymentId", "value": stage["deploymentId"]}
            ],
        )
        client.delete_deployment(**api, deploymentId=deployment)


def test_a_start_whose_answer_is_lost_runs_once(flow: CrossAccount) -> None:
    """The other account has started the run, and says so only when it is asked again."""
    with losing_answers(flow):
        # The run takes a second, so it has ended when it is started again.
        with flow.retrying(IntervalSeconds=2, JitterStrategy="NONE"):
            event = flow.request()
            execution, states = flow.ended(event)
        late = flow.request()
        begun = wait_for(lambda: flow.runs(late), "a run whose start was not confirmed")
        second, _ = flow.ended(late)

    assert execution.status == "SUCCEEDED", execution.cause
    [run] = flow.runs(event)
    assert run["status"] == "SUCCEEDED"
    assert (execution.answer or {})["execution"] == run["executionArn"]
    assert errors_of(flow, execution.arn) == ["ApiGateway.500", "ApiGateway.409"]
    assert "WaitForTarget" not in states
    # The same with the retries of the settings, which may come while the run goes on.
    assert second.status == "SUCCEEDED", second.cause
    assert [one["executionArn"] for one in flow.runs(late)] == [begun[0]["executionArn"]]


def errors_of(flow: CrossAccount, execution: str) -> list[str]:
    """Return the errors of an execution's calls, in their order."""
    client = flow.aws.client("stepfunctions")
    pages = client.get_paginator("get_execution_history").paginate(executionArn=execution)
    events = [event for page in pages for event in page["events"]]
    return [e["taskFailedEventDetails"]["error"] for e in events if "taskFailedEventDetails" in e]
