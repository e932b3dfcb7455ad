"""The job's state machine reaches the right end, whatever its states do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from statelint.linter import Linter

from cluster_job_manager.jobs import load_schema
from ops.terraform.docs import SECONDS, definition
from tests.support.state_machine import Ended, StateMachine, running_state_machine

FLOW = "cluster_job_manager"
JOB: dict[str, Any] = {
    "jobId": "a-job",
    "priority": 5,
    "cpu": 4,
    "memoryGb": 16,
    "timeLimitSeconds": 600,
    "maxAttempts": 2,
    "digest": "d",
}
GRANT = ["ReceiveJob", "JobQueueRequest"]
RUN = ["StartJobRun", "RecordRun", "WaitForJob", "GetJobStatus", "HowIsJob"]
END = ["EndAttempt", "AfterAttempt"]
FAILURE = ["CatchErrors", "JobFailed"]
TAKEN = "ConditionalCheckFailedException"
CANCELED = "TransactionCanceledException"
#: As in the rendered definition: one call and its repetitions.
TRIES = 4


def scripted(text: str) -> str:
    """Return the definition with a function, which a test scripts, in place of each service."""
    machine = json.loads(text)
    for name, state in machine["States"].items():
        if state["Type"] != "Task" or name in ("ReceiveJob", "CatchErrors"):
            continue
        given = state["Arguments"].get("Payload", state["Arguments"])
        detail = {
            "scenario": "{% $job.scenario %}",
            "cluster": "main",
            "acceptedAt": 1,
            "state": "{% $job.states[$attempt - 1] %}",
            "error": "it broke",
            "result": {"words": 4},
            # Only the running execution knows its own ARN.
            "Item": (
                "{% $job.record.execution.S = 'mine' ? $merge([$job.record, {'execution': "
                "{'S': $states.context.Execution.Id}}]) : $job.record %}"
            ),
        }
        state["Resource"] = "arn:aws:states:::lambda:invoke"
        state.pop("HeartbeatSeconds", None)
        asked = json.loads(json.dumps(given).replace("$states.context.Task.Token", "'token'"))
        state["Arguments"] = {
            "FunctionName": f"arn:aws:lambda:::function:{name}",
            "Payload": {"asked": asked, "detail": detail},
        }
    # A function's errors have no prefix, and its answer is in the payload.
    text = re.sub(r"(DynamoDb|DynamoDB)\.(\w+Exception)", r"\2", json.dumps(machine))
    text = text.replace("$states.result.cluster", "$states.result.Payload.cluster")
    text = text.replace("$states.result.Item", "$states.result.Payload.Item")
    return text.replace("$states.context.Execution.Input.resources", "$job.resources")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateMachine]:
    """The state machine with scripted functions and services."""
    folder = tmp_path_factory.mktemp("cluster_job_manager")
    with running_state_machine(folder, scripted(definition(FLOW))) as running:
        yield running


def run(machine: StateMachine, errors: dict[str, list[str | None]], **more: Any) -> Ended:
    """Run a job whose attempts end in `states`, and whose id has the record `record`."""
    given = {"states": ["SUCCEEDED"], "record": {}, "resources": [], **JOB, **more}
    return machine.run(errors, **given)


def record_of(ended_by: str, status: str, **more: Any) -> dict[str, Any]:
    """Return the record of a job that an execution manages."""
    found = {"jobId": {"S": "a-job"}, "execution": {"S": ended_by}, "status": {"S": status}}
    return {**found, "attempt": {"N": "3"}, "digest": {"S": "d"}, "cluster": {"S": "main"}, **more}


def test_the_definition_is_valid() -> None:
    # statelint knows no Wait whose time is an expression.
    found = [
        text for text in Linter.validate(json.loads(definition(FLOW))) if ".Seconds is" not in text
    ]
    assert found == []


def test_the_schema_is_valid() -> None:
    jsonschema.Draft7Validator.check_schema(load_schema())


def test_a_job_waits_for_its_grant_and_runs_once(machine: StateMachine) -> None:
    ended = run(machine, {})

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states == [*GRANT, *RUN, *END, "JobSucceeded"]
    answer = json.loads(ended.execution.output or "")
    assert (
        answer.items()
        >= {
            "jobId": "a-job",
            "status": "SUCCEEDED",
            "cluster": "main",
            "attempts": 1,
            "result": {"words": 4},
        }.items()
    )
    [queued] = ended.calls["JobQueueRequest"]
    item = queued["asked"]["Item"]
    # Each level of priority is worth some time of waiting.
    assert float(item["rank"]["N"]) == pytest.approx(float(item["queuedAt"]["N"]) - 5 * SECONDS)
    assert (item["status"], item["cpu"], item["memoryGb"]) == (
        {"S": "QUEUED"},
        {"N": "4"},
        {"N": "16"},
    )
    [given] = ended.calls["EndAttempt"]
    job, ledger = (one["Update"] for one in given["asked"]["TransactItems"])
    assert job["ExpressionAttributeValues"][":status"] == {"S": "SUCCEEDED"}
    assert ledger["Key"] == {"jobId": {"S": "#ledger/main"}}
    assert ledger["ExpressionAttributeValues"] == {":cpu": {"N": "-4"}, ":memory": {"N": "-16"}}


def test_a_job_that_fails_is_queued_again_under_a_new_attempt(machine: StateMachine) -> None:
    ended = run(machine, {}, states=["FAILED", "SUCCEEDED"])

    assert ended.execution.status == "SUCCEEDED"
    again = ["JobQueueRequest", *RUN, *END]
    assert ended.states == ["ReceiveJob", *again, *again, "JobSucceeded"]
    attempts = [call["asked"]["attempt"] for call in ended.calls["StartJobRun"]]
    assert attempts == [1, 2]
    # It keeps its place in the queue.
    places = {call["asked"]["Item"]["rank"]["N"] for call in ended.calls["JobQueueRequest"]}
    assert len(places) == 1


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "UNKNOWN"])
def test_a_job_that_fails_for_the_last_time_is_kept_with_its_error(
    machine: StateMachine, state: str
) -> None:
    ended = run(machine, {}, states=["FAILED", state])

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "JobFailed")
    assert ended.states[-3:] == ["KeepFailure", *FAILURE]
    [caught] = ended.calls["CatchErrors"]
    assert caught["error"]["Cause"] == f"{state} on main: it broke"
    assert (caught["failedState"], caught["notUndone"]) == ("GetJobStatus", [])
    assert caught["event"] == ended.calls["ReceiveJob"][0]


def test_a_job_over_its_time_is_cancelled_and_not_tried_again(machine: StateMachine) -> None:
    ended = run(machine, {}, states=["RUNNING"], timeLimitSeconds=-1)

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "JobTimedOut")
    assert ended.states == [*GRANT, *RUN, "CancelJobRun", *END, "KeepFailure", *FAILURE]


def test_a_cluster_that_is_away_while_a_job_runs_is_asked_again(machine: StateMachine) -> None:
    ended = run(machine, {"GetJobStatus": ["ClusterUnavailable"] * (TRIES + 1)})

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states.count("WaitForJob") == 2
    assert len(ended.calls["StartJobRun"]) == 1


def test_a_cluster_that_is_away_when_a_job_starts_is_asked_again(machine: StateMachine) -> None:
    ended = run(machine, {"StartJobRun": ["ClusterUnavailable"] * (TRIES + 1)})

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states[2:6] == ["StartJobRun", "HowIsJob", "WaitForCluster", "StartJobRun"]
    assert {call["asked"]["attempt"] for call in ended.calls["StartJobRun"]} == {1}


def test_a_cluster_that_stays_away_costs_no_more_than_the_jobs_time(machine: StateMachine) -> None:
    ended = run(machine, {"StartJobRun": ["ClusterUnavailable"] * 99}, timeLimitSeconds=-1)

    assert ended.execution.error == "JobTimedOut"
    assert "CancelJobRun" in ended.states


@pytest.mark.parametrize("step", ["StartJobRun", "RecordRun", "GetJobStatus"])
def test_an_unexpected_failure_cancels_the_run_and_gives_back_its_space(
    machine: StateMachine, step: str
) -> None:
    ended = run(machine, {step: ["NobodyThoughtOfIt"] * 20})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "NobodyThoughtOfIt")
    assert ended.states[-6:] == ["CancelJobRun", *END, "KeepFailure", *FAILURE]
    assert ended.calls["CatchErrors"][0]["failedState"] == step


def test_a_run_that_cannot_be_cancelled_is_named(machine: StateMachine) -> None:
    ended = run(
        machine, {"StartJobRun": ["ClusterRejected"], "CancelJobRun": ["ClusterRejected"] * 20}
    )

    assert ended.execution.error == "ClusterRejected"
    assert ended.calls["CatchErrors"][0]["notUndone"] == ["StartJobRun"]
    assert "EndAttempt" in ended.states


def test_a_cancelled_job_does_not_run_on(machine: StateMachine) -> None:
    ended = run(machine, {"RecordRun": [TAKEN]})

    assert ended.execution.error == TAKEN
    assert len(ended.calls["RecordRun"]) == 1
    assert "CancelJobRun" in ended.states


def test_space_that_was_given_back_before_changes_nothing(machine: StateMachine) -> None:
    ended = run(machine, {"EndAttempt": [CANCELED] * 20})

    assert ended.execution.status == "SUCCEEDED"
    assert len(ended.calls["EndAttempt"]) == TRIES


@pytest.mark.parametrize("times", [1, TRIES - 1])
def test_without_heartbeats_the_request_is_made_again(machine: StateMachine, times: int) -> None:
    ended = run(machine, {"JobQueueRequest": ["States.HeartbeatTimeout"] * times})

    assert ended.execution.status == "SUCCEEDED"
    assert len(ended.calls["JobQueueRequest"]) == times + 1


@pytest.mark.parametrize(
    ("error", "times", "calls"),
    [("States.HeartbeatTimeout", TRIES, TRIES), ("States.Timeout", 1, 1)],
)
def test_a_job_that_waits_in_vain_leaves_the_queue(
    machine: StateMachine, error: str, times: int, calls: int
) -> None:
    ended = run(machine, {"JobQueueRequest": [error] * times})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", error)
    assert ended.states == [*GRANT, "LeaveQueue", *FAILURE]
    assert len(ended.calls["JobQueueRequest"]) == calls


def test_a_job_that_cannot_leave_the_queue_is_named(machine: StateMachine) -> None:
    ended = run(machine, {"JobQueueRequest": ["States.Timeout"], "LeaveQueue": ["Away"] * 20})

    assert ended.execution.error == "States.Timeout"
    assert ended.calls["CatchErrors"][0]["notUndone"] == ["JobQueueRequest"]


@pytest.mark.parametrize("status", ["GRANTED", "RUNNING"])
def test_a_grant_that_came_while_the_execution_did_not_wait_is_taken(
    machine: StateMachine, status: str
) -> None:
    record = record_of("mine", status, attempt={"N": "1"})
    ended = run(machine, {"JobQueueRequest": [TAKEN]}, record=record)

    assert ended.execution.status == "SUCCEEDED"
    assert ended.states[2:6] == ["FindJob", "WhoseJob", "TakeGrant", "StartJobRun"]
    assert len(ended.calls["JobQueueRequest"]) == 1


def test_a_record_that_ended_under_this_execution_is_queued_again(machine: StateMachine) -> None:
    ended = run(machine, {"JobQueueRequest": [TAKEN]}, record=record_of("mine", "CANCELLED"))

    assert ended.states[3:5] == ["WhoseJob", "JobQueueRequest"]
    assert ended.execution.status == "SUCCEEDED"


def test_the_same_job_again_changes_nothing(machine: StateMachine) -> None:
    ended = run(machine, {"JobQueueRequest": [TAKEN]}, record=record_of("arn:other", "RUNNING"))

    assert ended.states == [*GRANT, "FindJob", "WhoseJob", "AlreadyManaged"]
    assert json.loads(ended.execution.output or "") == {
        "jobId": "a-job",
        "status": "RUNNING",
        "managedBy": "arn:other",
    }


def test_another_job_of_the_id_is_left_alone(machine: StateMachine) -> None:
    record = record_of("arn:other", "QUEUED", digest={"S": "another"})
    ended = run(machine, {"JobQueueRequest": [TAKEN]}, record=record)

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "JobExists")
    assert ended.states[-3:] == ["JobIsAnother", *FAILURE]


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
def test_a_redriven_job_goes_on_under_a_new_attempt(machine: StateMachine, status: str) -> None:
    before = "arn:aws:states:::execution:before"
    ended = run(
        machine,
        {"JobQueueRequest": [TAKEN]},
        record=record_of(before, status),
        resources=["flowbridge:event/1", before],
        states=["", "", "", "FAILED", "SUCCEEDED"],
    )

    assert ended.execution.status == "SUCCEEDED"
    assert "TakeOverJob" in ended.states
    # Its attempts are counted on, and it has as many as at first.
    assert [call["asked"]["attempt"] for call in ended.calls["StartJobRun"]] == [4, 5]
    values = ended.calls["JobQueueRequest"][1]["asked"]["ExpressionAttributeValues"]
    assert values[":before"] == {"S": before}


def test_a_job_that_vanished_meanwhile_is_queued(machine: StateMachine) -> None:
    ended = run(machine, {"JobQueueRequest": [TAKEN]}, record={})

    assert ended.states[:5] == [*GRANT, "FindJob", "WhoseJob", "JobQueueRequest"]
    assert ended.execution.status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("step", "errors"),
    [("ReceiveJob", {}), ("FindJob", {"JobQueueRequest": [TAKEN]})],
)
def test_any_other_failure_is_kept(
    machine: StateMachine, step: str, errors: dict[str, list[str | None]]
) -> None:
    ended = run(machine, {**errors, step: ["NobodyThoughtOfIt"] * 20})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", "NobodyThoughtOfIt")
    assert ended.calls["CatchErrors"][0]["failedState"] == step


@pytest.mark.parametrize("error", ["InvalidJob", "JobTooLarge"])
def test_a_job_that_is_refused_is_not_tried_again(machine: StateMachine, error: str) -> None:
    ended = run(machine, {"ReceiveJob": [error]})

    assert (ended.execution.status, ended.execution.error) == ("FAILED", error)
    assert len(ended.calls["ReceiveJob"]) == 1


def test_catching_is_repeated_whatever_happens(machine: StateMachine) -> None:
    ended = run(machine, {"ReceiveJob": ["InvalidJob"], "CatchErrors": ["Anything"] * 3})

    assert ended.execution.error == "InvalidJob"
    assert len(ended.calls["CatchErrors"]) == TRIES
