"""The other account's API fails for a while: each request runs there once, none is lost."""

from __future__ import annotations

import time

import pytest

from tests.flows.cross_account_workflow.end_to_end.test_accounts import without
from tests.flows.cross_account_workflow.support.accounts import CrossAccount, accounts
from tests.support.platform import Platform

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
