"""From a run of the source job to one run of the target job."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from ops.flows import DeployedFlow
from ops.flows.databrew_chain import CUSTOMERS, HEAD, as_csv, demo, written
from ops.recovery import dead_letters
from ops.settings import LOCAL
from tests.flows.databrew_chain.support.chain import SOURCE, TARGET, Chain, report
from tests.support.platform import Platform, wait_for

DROPPED = {"Unknown", "Uneducated"}
DELETED = {"Naive_Bayes_1", "Naive_Bayes_2", "Total_Relationship_Count"}


@pytest.fixture(scope="module")
def chain(platform: Platform) -> Iterator[Chain]:
    running = Chain(platform.settings)
    yield running
    running.forget_failures()


def test_the_target_job_follows_the_source_job(chain: Chain) -> None:
    run = chain.run_source(CUSTOMERS)
    execution, _ = chain.chained(run)

    assert execution.status == "SUCCEEDED", execution.cause
    raw = list(csv.DictReader(io.StringIO(as_csv())))
    columns = [column for column in HEAD if column not in DELETED]
    cleaned = [{column: row[column] for column in columns} for row in raw]
    assert written(chain.deployed, "source") == cleaned
    selected = [row for row in cleaned if row["Education_Level"] not in DROPPED]
    assert written(chain.deployed, "target") == selected
    answer = execution.answer or {}
    assert (answer["outcome"], answer["sourceRun"]) == ("chained", run)
    assert chain.run_ended(TARGET, answer["targetRun"])["State"] == "SUCCEEDED"
    assert chain.record(run)["targetRun"] == answer["targetRun"]


def test_an_event_that_comes_again_starts_nothing(chain: Chain) -> None:
    run = chain.run_source()
    chain.chained(run)
    before = len(chain.target_runs())

    ends = [chain.ended(event)[0] for event in chain.publish(report(run), report(run))]

    assert [(end.answer or {})["outcome"] for end in ends] == ["alreadyChained"] * 2
    assert len(chain.target_runs()) == before


def test_two_runs_are_chained_one_after_the_other(chain: Chain) -> None:
    first, second = report(), report()
    before = len(chain.target_runs())

    ends = [chain.ended(event)[0] for event in chain.publish(first, second)]

    assert {end.status for end in ends} == {"SUCCEEDED"}
    runs = chain.target_runs()[: len(chain.target_runs()) - before]
    assert len(runs) == 2
    newer, older = runs
    assert older["CompletedOn"] <= newer["StartedOn"]


@pytest.mark.parametrize("state", ["FAILED", "TIMEOUT", "STOPPED"])
def test_a_failed_run_of_the_source_job_waits_for_an_operator(chain: Chain, state: str) -> None:
    before = len(chain.target_runs())

    [event] = chain.publish(report(state=state, message="no data"))
    execution, _ = chain.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "SourceJobFailed")
    assert f"ended as {state}: no data" in chain.failed_message(execution)["error"]["cause"]
    assert len(chain.target_runs()) == before


@pytest.mark.parametrize(
    "other", [{"jobName": "another"}, {"jobName": TARGET, "state": "FAILED"}, {"state": "RUNNING"}]
)
def test_events_of_other_runs_start_nothing(chain: Chain, other: dict[str, str]) -> None:
    before = len(chain.target_runs())

    [event] = chain.publish(report(**other))
    execution, _ = chain.ended(event)

    assert (execution.answer or {})["outcome"] == "notChained"
    assert len(chain.target_runs()) == before


@pytest.mark.parametrize("detail", [{}, report("a/b"), {**report(), "state": 7}, {"jobName": []}])
def test_an_event_that_is_no_state_of_a_run_is_refused(chain: Chain, detail: Any) -> None:
    [event] = chain.publish(detail)
    execution, _ = chain.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "InvalidEvent")


def test_a_failed_run_of_the_target_job_can_be_redriven(chain: Chain) -> None:
    with chain.without_output_of_source():
        run = report()
        [event] = chain.publish(run)
        execution, _ = chain.ended(event)
    assert (execution.status, execution.error) == ("FAILED", "TargetJobFailed")
    cause = chain.failed_message(execution)["error"]["cause"]
    assert "The data set has no object" in cause
    assert chain.record(run["jobRunId"])["state"] == "failed"

    # The operator runs the source job, and puts the event onto the bus again.
    chain.chained(chain.run_source())
    [again] = chain.publish(run)
    redriven, _ = chain.ended(again)

    assert (redriven.answer or {})["outcome"] == "chained"


def test_a_real_run_of_the_source_job_that_fails_is_reported(chain: Chain) -> None:
    """The source job reads a file that lacks a column that its recipe deletes."""
    bucket = chain.output["buckets"]["customers"]["name"]
    key = f"{chain.output['jobs']['source']['reads']}customers.csv"
    chain.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"a,b\n1,2\n")

    run = chain.aws.client("databrew").start_job_run(Name=SOURCE)["RunId"]
    ended = chain.run_ended(SOURCE, run)
    execution, _ = chain.chained(run)

    assert ended["State"] == "FAILED"
    assert "in EXCLUDE list not found" in ended["ErrorMessage"]
    assert execution.error == "SourceJobFailed"


def test_without_an_alias_the_event_waits_and_can_be_redriven(chain: Chain) -> None:
    client = chain.aws.client("stepfunctions")
    alias_arn = chain.output["workflows"]["main"]["alias_arn"]
    alias = client.describe_state_machine_alias(stateMachineAliasArn=alias_arn)
    client.delete_state_machine_alias(stateMachineAliasArn=alias_arn)
    [rule] = chain.flow.rules
    sqs, url = chain.aws.client("sqs"), rule.undelivered_queue_url or ""
    try:
        run = report()
        [event] = chain.publish(run)

        def letter() -> dead_letters.DeadLetter | None:
            letters = dead_letters.look(sqs, dead_letters.UNDELIVERED, url)
            return next((one for one in letters if (one.event or {}).get("id") == event), None)

        found: dead_letters.DeadLetter = wait_for(letter, "the undelivered event")
    finally:
        client.create_state_machine_alias(
            name=alias["name"],
            description=alias["description"],
            routingConfiguration=alias["routingConfiguration"],
        )
    again = found.again()
    assert again
    [redriven] = chain.send(again)
    execution, _ = chain.ended(redriven)
    dead_letters.remove(
        sqs, dead_letters.UNDELIVERED, url, lambda one: (one.event or {}).get("id") == event
    )

    assert (execution.answer or {})["outcome"] == "chained"


def test_a_stopped_execution_stops_its_run(chain: Chain) -> None:
    [event] = chain.publish(report())
    execution = chain.execution(event)

    def live() -> Any:
        return next((one for one in chain.target_runs() if one["State"] == "STARTING"), None)

    run = wait_for(live, "a run of the target job")
    chain.executions.stop(execution.arn, "a test")

    assert chain.run_ended(TARGET, run["RunId"])["State"] in ("STOPPED", "SUCCEEDED")


def test_the_demo_shows_what_both_jobs_wrote(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(DeployedFlow("databrew_chain", LOCAL, platform.aws.client, platform.outputs))
    text = capsys.readouterr().out

    assert "10,000" in text
    assert "SUCCEEDED" in text
    assert '"name": "SourceJobFailed"' in text
