"""From an event to the results of calls, or to a message that can be redriven."""

from __future__ import annotations

import json
import secrets

import pytest

from ops.flows import DeployedFlow
from ops.flows.async_polling import demo
from ops.recovery import dead_letters
from ops.settings import LOCAL
from tests.flows.async_polling.support.analysis import FLOW, LIMITS, Analysis, request
from tests.support.platform import Platform, wait_for

STEPS = ["ReceiveRequest", "TextOrDocuments", "SplitText", "CountWords", "RankWords"]
FAILURE = ["CatchErrors", "AnalysisFailed"]
TEXT = "one fish two fish red fish blue fish"


@pytest.fixture(scope="module")
def analysis(platform: Platform) -> Analysis:
    return Analysis(platform.settings)


def test_three_calls_in_sequence(analysis: Analysis) -> None:
    wanted = request(f"{TEXT} {secrets.token_hex(6)}")
    [event] = analysis.publish(wanted)

    execution, states = analysis.ended(event)

    assert (execution.status, list(states)) == ("SUCCEEDED", STEPS)
    answer = execution.answer or {}
    assert answer["id"] == wanted["id"]
    assert answer["words"][0] == {"word": "fish", "times": 4}
    for call in answer["calls"].values():
        assert call["runtimeSeconds"] >= 1
        assert (call["polls"], call["retries"]) == (1, 0)
    jobs = analysis.jobs(event)
    assert [job["key"] for job in jobs] == [f"{event}-{n}" for n in ("split", "count", "rank")]
    # The words of eight are a small result, and the input of the second call.
    assert [word["word"] for word in jobs[1]["input"]][:3] == ["one", "fish", "two"]


def test_a_large_result_goes_through_s3(analysis: Analysis) -> None:
    words = " ".join(f"w{number}" for number in range(5000))
    [event] = analysis.publish(request(f"{words} often often"))

    execution, _ = analysis.ended(event)

    assert execution.status == "SUCCEEDED", execution.cause
    answer = execution.answer or {}
    assert answer["words"][0] == {"word": "often", "times": 2}
    place = answer["calls"]["split"]["resultLocation"]
    found = analysis.aws.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])
    result = json.loads(found["Body"].read())
    assert len(result) == 5002
    # It would not fit into a state, and the second call got it from there.
    assert found["ContentLength"] > 100_000
    assert len(analysis.jobs(event)[1]["input"]) == 5002


def test_a_hundred_calls_at_once(analysis: Analysis) -> None:
    documents = [f"{'again ' * number}{secrets.token_hex(4)}" for number in range(100)]
    marker = secrets.token_hex(6)
    documents[7] += f" {marker}"
    analysis.behave(marker, refused_polls=3)
    [event] = analysis.publish(request(documents=documents))

    execution, _ = analysis.ended(event, seconds=120)

    assert execution.status == "SUCCEEDED", execution.cause
    found = (execution.answer or {})["documents"]
    assert [call["result"].get("again", 0) for call in found] == list(range(100))
    assert [call["retries"] for call in found] == [3 if n == 7 else 0 for n in range(100)]
    assert all(call["runtimeSeconds"] >= 1 and call["polls"] >= 1 for call in found)
    assert len({job["key"] for job in analysis.jobs(event)}) == 100
    # One after another they would take a hundred seconds.
    assert (execution.seconds or 0) < 60


def test_errors_of_the_service_are_survived_and_counted(analysis: Analysis) -> None:
    marker = f"busy{secrets.token_hex(6)}"
    analysis.behave(marker, refused_polls=3)

    ended = analysis.call(marker, action="count", payload={"input": {"text": marker}})

    assert ended.status == "SUCCEEDED", ended.cause
    assert {"retries": 3, "polls": 1}.items() <= (ended.answer or {}).items()


def test_a_service_that_takes_no_jobs_fails_the_request(analysis: Analysis) -> None:
    marker = f"closed{secrets.token_hex(6)}"
    analysis.behave(marker, refused_calls=9)
    [event] = analysis.publish(request(marker, limits={**LIMITS, "maxErrors": 1}))

    execution, states = analysis.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "AsyncCallUnavailable")
    assert list(states) == [*STEPS[:3], *FAILURE]
    assert "returned 503" in (execution.cause or "")


def test_a_job_that_fails_fails_the_request(analysis: Analysis) -> None:
    marker = f"wrong{secrets.token_hex(6)}"
    analysis.behave(marker, fails="no language is like this")
    [event] = analysis.publish(request(marker))

    execution, _ = analysis.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "AsyncCallFailed")
    assert "no language is like this" in (execution.cause or "")


def test_a_job_that_is_never_ready_fails_at_the_deadline_and_is_cancelled(
    analysis: Analysis,
) -> None:
    marker = f"never{secrets.token_hex(6)}"
    analysis.behave(marker, never=True)
    [event] = analysis.publish(request(marker, limits={**LIMITS, "deadlineSeconds": 3}))

    execution, _ = analysis.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "AsyncCallTimedOut")
    assert 3 <= (execution.seconds or 0) < 30
    wait_for(lambda: analysis.jobs(event)[0]["status"] == "cancelled", "the cancellation", 20)
    # The message is redriven when the service is well again: it asks for a job of its own.
    analysis.behave(marker)
    letter = next(
        letter
        for letter in dead_letters.look(
            analysis.aws.client("sqs"), dead_letters.FAILED, analysis.flow.failed_queue_url
        )
        if letter.execution == execution.arn
    )
    again = letter.again()
    assert again
    assert analysis.ended(*analysis.send(again))[0].status == "SUCCEEDED"


def test_a_parent_that_is_stopped_stops_its_children_and_their_jobs(analysis: Analysis) -> None:
    marker = f"stop{secrets.token_hex(6)}"
    analysis.behave(marker, never=True)
    [event] = analysis.publish(request(documents=[f"{marker} {n}" for n in range(8)]))
    execution = analysis.execution(event)
    wait_for(lambda: len(analysis.jobs(event)) == 8, "eight jobs", 60)

    analysis.aws.client("stepfunctions").stop_execution(executionArn=execution.arn)

    def cancelled() -> bool:
        return {job["status"] for job in analysis.jobs(event)} == {"cancelled"}

    wait_for(cancelled, "the cancellations", 60)
    running = analysis.aws.client("stepfunctions").list_executions(
        stateMachineArn=analysis.output["children"]["call"]["state_machine_arn"],
        statusFilter="RUNNING",
    )
    assert running["executions"] == []


def test_a_document_whose_job_fails_stops_the_others(analysis: Analysis) -> None:
    marker = f"one{secrets.token_hex(6)}"
    analysis.behave(f"{marker} bad", fails="unreadable")
    analysis.behave(marker, never=True)
    documents = [f"{marker} bad", *(f"{marker} {n}" for n in range(4))]
    [event] = analysis.publish(request(documents=documents))

    execution, _ = analysis.ended(event)

    assert (execution.status, execution.error) == ("FAILED", "AsyncCallFailed")

    def settled() -> bool:
        return {job["status"] for job in analysis.jobs(event)} <= {"cancelled", "failed"}

    wait_for(settled, "the cancellations", 60)


def test_the_same_event_again_asks_for_the_same_jobs(analysis: Analysis) -> None:
    [event] = analysis.publish(request())
    first, _ = analysis.ended(event)
    client = analysis.aws.client("stepfunctions")

    arn = client.start_execution(
        stateMachineArn=analysis.flow.state_machine_arn, input=first.input or ""
    )["executionArn"]

    wait_for(lambda: analysis.executions.describe(arn).is_over, "the second execution", 60)
    second = analysis.executions.describe(arn)
    assert (second.answer or {})["words"] == (first.answer or {})["words"]
    assert len(analysis.jobs(event)) == 3


def test_the_history_of_the_parent_names_its_children(analysis: Analysis) -> None:
    [event] = analysis.publish(request())
    execution, _ = analysis.ended(event)
    client = analysis.aws.client("stepfunctions")

    history = client.get_execution_history(executionArn=execution.arn, maxResults=1000)["events"]

    outputs = [
        json.loads(found["stateExitedEventDetails"]["output"])
        for found in history
        if found["type"] == "TaskStateExited"
    ]
    assert outputs
    children = [
        run
        for run in analysis.aws.client("stepfunctions").list_executions(
            stateMachineArn=analysis.output["children"]["call"]["state_machine_arn"]
        )["executions"]
        if event in (analysis.calls.describe(run["executionArn"]).input or "")
    ]
    assert len(children) == 3
    for child in children:
        given = json.loads(analysis.calls.describe(child["executionArn"]).input or "")
        assert given["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"] == execution.arn


def test_the_demo_shows_results_progress_and_a_cancelled_job(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(DeployedFlow(FLOW, LOCAL, platform.aws.client, platform.outputs))

    text = capsys.readouterr().out
    assert "100 results" in text
    assert "running" in text
    assert '"name": "AsyncCallTimedOut"' in text
    assert "The job is cancelled at the service" in text
    assert "make send FILE=examples/async_polling/texts.jsonl" in text
