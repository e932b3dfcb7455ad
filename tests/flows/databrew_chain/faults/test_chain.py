"""DynamoDB and DataBrew refuse calls while runs end: none is lost, none is chained twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.executions.executions import Execution
from ops.recovery import dead_letters
from tests.flows.databrew_chain.support.chain import MACHINE, Chain, report
from tests.support.platform import Platform

RUNS = 3
RIGHTS = ("DynamodbPutItem", "DatabrewStartJobRunSync")


@pytest.fixture(scope="module")
def chain(platform: Platform) -> Iterator[Chain]:
    running = Chain(platform.settings)
    yield running
    running.forget_failures()


def redriven(chain: Chain, execution: Execution) -> Execution:
    """Redrive the message that an execution left in the failed queue."""
    sqs, url = chain.aws.client("sqs"), chain.flow.failed_queue_url
    chain.failed_message(execution)
    letters = dead_letters.look(sqs, dead_letters.FAILED, url)
    again = next(one for one in letters if one.execution == execution.arn).again()
    assert again
    [event] = chain.send(again)
    dead_letters.remove(sqs, dead_letters.FAILED, url, lambda one: one.execution == execution.arn)
    return chain.ended(event)[0]


@pytest.mark.parametrize("right", RIGHTS)
def test_runs_wait_while_a_call_is_refused(chain: Chain, right: str) -> None:
    chain.chained(chain.run_source())
    before = len(chain.target_runs())
    details = [report() for _ in range(RUNS)]
    with chain.retrying(MaxAttempts=1), chain.role_without(MACHINE, right):
        ends = [chain.ended(event)[0] for event in chain.publish(*details)]
    assert {end.status for end in ends} == {"FAILED"}

    after = [redriven(chain, execution) for execution in ends]

    assert {end.status for end in after} == {"SUCCEEDED"}
    assert {chain.record(detail["jobRunId"])["state"] for detail in details} == {"chained"}
    assert len(chain.target_runs()) == before + RUNS


def test_a_record_that_cannot_be_released_is_claimed_by_the_redrive(chain: Chain) -> None:
    """Both the target job and the release fail: the redriven event names the execution."""
    detail = report()
    with (
        chain.without_output_of_source(),
        chain.retrying(MaxAttempts=1),
        chain.role_without(MACHINE, "DynamodbUpdateItem"),
    ):
        [event] = chain.publish(detail)
        execution, _ = chain.ended(event)
    assert execution.error == "TargetJobFailed"
    assert chain.record(detail["jobRunId"])["state"] == "claimed"

    chain.chained(chain.run_source())
    again = redriven(chain, execution)

    assert (again.answer or {})["outcome"] == "chained"


def test_a_run_whose_record_cannot_be_finished_is_not_repeated(chain: Chain) -> None:
    chain.chained(chain.run_source())
    before = len(chain.target_runs())
    detail = report()
    with chain.retrying(MaxAttempts=1), chain.role_without(MACHINE, "DynamodbUpdateItem"):
        [event] = chain.publish(detail)
        execution, _ = chain.ended(event)

    [again] = chain.publish(detail)
    repeated, _ = chain.ended(again)

    assert (execution.answer or {})["outcome"] == "chained"
    assert (repeated.answer or {})["outcome"] == "alreadyChained"
    assert len(chain.target_runs()) == before + 1
