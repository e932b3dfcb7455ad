"""Glue refuses calls while runs end: none is lost, none has two partitions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.executions.executions import Execution
from ops.recovery import dead_letters
from tests.flows.appflow_catalog.support.catalog import MACHINE, Catalog, now, tickets
from tests.support.platform import Platform

RUNS = 4
CALLS = ("GetTable", "CreateTable", "CreatePartition")


@pytest.fixture(scope="module")
def catalog(platform: Platform) -> Iterator[Catalog]:
    running = Catalog(platform.settings)
    yield running
    running.forget_failures()


def redriven(catalog: Catalog, execution: Execution) -> Execution:
    """Redrive the message that an execution left in the failed queue."""
    sqs, url = catalog.aws.client("sqs"), catalog.flow.failed_queue_url
    catalog.failed_message(execution)
    letters = dead_letters.look(sqs, dead_letters.FAILED, url)
    again = next(one for one in letters if one.execution == execution.arn).again()
    assert again
    [event] = catalog.send(again)
    dead_letters.remove(sqs, dead_letters.FAILED, url, lambda one: one.execution == execution.arn)
    return catalog.ended(event)[0]


@pytest.mark.parametrize("call", CALLS)
def test_runs_wait_while_glue_refuses_a_call(catalog: Catalog, call: str) -> None:
    catalog.forget("tickets")
    begun = now()
    with catalog.retrying(MaxAttempts=1), catalog.role_without(MACHINE, f"AwsSdkGlue{call}"):
        runs = []
        for number in range(RUNS):
            run = catalog.transfer("tickets", tickets(f"{call}-{number}"))
            catalog.run_ended(run)
            runs.append(run)
        failed = [catalog.cataloged(run, begun)[0] for run in runs]
    assert {end.error for end in failed} == {"Glue.AccessDeniedException"}

    ends = [redriven(catalog, execution) for execution in failed]

    assert {end.status for end in ends} == {"SUCCEEDED"}
    partitions = catalog.partitions("tickets")
    assert len(partitions) == RUNS
    rows = [row for one in partitions.values() for row in catalog.rows(one, "id")]
    assert sorted(rows) == [(f"{call}-{number}",) for number in range(RUNS)]
