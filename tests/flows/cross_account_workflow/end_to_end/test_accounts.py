"""One account runs workflows in another one: once, by one state machine, and hears how they end."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ops.flows import cross_account_workflow as hooks
from ops.local.signed import Keys, call
from tests.flows.cross_account_workflow.support.accounts import (
    API_ROLE,
    INPUT,
    MACHINE,
    CrossAccount,
    accounts,
)
from tests.support.platform import Platform, wait_for


@pytest.fixture(scope="module")
def flow(platform: Platform) -> CrossAccount:
    return accounts(platform)


@contextmanager
def without(flow: CrossAccount, sid: str) -> Iterator[None]:
    """Take a right from the role of the second account's API."""
    iam, which = flow.other("iam"), {"RoleName": API_ROLE, "PolicyName": "targets"}
    document = iam.get_role_policy(**which)["PolicyDocument"]
    kept = [s for s in document["Statement"] if s["Sid"] != sid]
    assert len(kept) == len(document["Statement"]) - 1
    iam.put_role_policy(**which, PolicyDocument=json.dumps({**document, "Statement": kept}))
    try:
        yield
    finally:
        iam.put_role_policy(**which, PolicyDocument=json.dumps(document))


def test_a_request_runs_in_the_other_account(flow: CrossAccount) -> None:
    event = flow.request()
    execution, _ = flow.ended(event)

    answer = execution.answer or {}
    assert execution.status == "SUCCEEDED"
    assert answer["execution"] == MACHINE.replace("stateMachine", "execution") + f":{event}"
    assert answer["output"] == {"account": hooks.ACCOUNT, "asked": INPUT, "passed": True}
    [run] = flow.runs(event)
    assert json.loads(run["input"])["source"] == "account-audit"


def test_a_failure_there_is_a_failure_here(flow: CrossAccount) -> None:
    event = flow.request({"check": "unheard-of"})
    execution, _ = flow.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "TargetFailed")
    message = flow.failed_message(execution)
    assert "ended as FAILED: UnknownCheck" in message["error"]["cause"]
    assert message["event"]["id"] == event


def test_a_run_that_is_stopped_there_is_a_failure_here(flow: CrossAccount) -> None:
    event = flow.request()
    run = wait_for(lambda: flow.runs(event), "the run")[0]
    flow.other("stepfunctions").stop_execution(executionArn=run["executionArn"])

    execution, _ = flow.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "TargetFailed")
    assert "ended as ABORTED" in (execution.cause or "")


def test_an_event_that_comes_twice_starts_one_run(flow: CrossAccount) -> None:
    event = flow.request()
    flow.start_again(event)
    first, _ = flow.ended(event)
    # This one comes when the run has ended.
    client = flow.aws.client("stepfunctions")
    late = client.start_execution(
        stateMachineArn=flow.flow.state_machine_arn, name=f"{event}_late", input=first.input or ""
    )["executionArn"]

    def all_over() -> list[str] | None:
        arns = [first.arn.rpartition(":")[0] + f":{event}_again", late]
        found = [client.describe_execution(executionArn=arn)["status"] for arn in arns]
        return None if "RUNNING" in found else found

    assert wait_for(all_over, "the other executions", 60) == ["SUCCEEDED"] * 2
    assert len(flow.runs(event)) == 1


def test_only_the_flows_state_machine_may_call(flow: CrossAccount) -> None:
    body: dict[str, Any] = {"name": uuid.uuid4().hex, "input": {}}
    iam, user = flow.aws.client("iam"), f"caller-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=user)
    right = {"Effect": "Allow", "Action": "execute-api:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [right]})
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy)
    made = iam.create_access_key(UserName=user)["AccessKey"]
    try:
        assert hooks.called_by_another(flow.deployed) == "ApiGateway.403"
        assert call(flow.url(), body)[0] == 403
        keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
        assert call(flow.url(), body, keys)[0] == 403
    finally:
        iam.delete_access_key(UserName=user, AccessKeyId=made["AccessKeyId"])
        iam.delete_user_policy(UserName=user, PolicyName="p")
        iam.delete_user(UserName=user)
    assert flow.runs(body["name"]) == flow.runs("of-another") == []


@pytest.mark.parametrize("sid", ["PostExecutions", "GetExecutions"])
def test_the_api_needs_each_of_its_rights(flow: CrossAccount, sid: str) -> None:
    with without(flow, sid):
        event = flow.request()
        execution, _ = flow.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "ApiGateway.500")


def test_the_demo_shows_both_accounts(
    flow: CrossAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks.demo(flow.deployed)

    text = capsys.readouterr().out
    assert hooks.ACCOUNT in text
    assert "TargetFailed" in text
    assert "refused: ApiGateway.403" in text
