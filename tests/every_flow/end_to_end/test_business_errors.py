"""Failures that an event causes are counted separately from technical ones."""

from __future__ import annotations

import time

from ops.aws.invoke import invoke
from tests.support.expectations import FAILURE, Events
from tests.support.platform import wait_for
from tests.support.running import RunningFlow


def count(running: RunningFlow, namespace: str, name: str, **dimensions: str) -> int:
    """Return the sum of a metric in the last hours."""
    now = time.time()
    found = running.aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - 24 * 3600,
        EndTime=now + 60,
        Period=60,
        Statistics=["Sum"],
    )
    return sum(int(point["Sum"]) for point in found["Datapoints"])


def technical(running: RunningFlow) -> list[int]:
    """Return how many technical errors were counted: of executions, and of each function."""
    workflow = running.output["workflows"]["main"]
    names = [f"{workflow['name']}-technical-failures"] + [
        f"{function['name']}-technical-errors" for function in running.output["functions"].values()
    ]
    return [count(running, "Flowbridge", name) for name in names]


def failed(running: RunningFlow) -> int:
    """Return how many executions failed."""
    arn = running.output["workflows"]["main"]["state_machine_arn"]
    return count(running, "AWS/States", "ExecutionsFailed", StateMachineArn=arn)


def test_a_bad_event_is_no_technical_error(running: RunningFlow, events: Events) -> None:
    technical_before, failed_before = technical(running), failed(running)
    [event] = running.publish(events.bad(running))
    execution, _ = running.ended(event)

    assert (execution.status, execution.error) == ("FAILED", events.error)
    # Counted when the execution ends, and the lines before.
    assert wait_for(lambda: failed(running) == failed_before + 1, "the count of failures")
    assert technical(running) == technical_before


def test_another_failure_is_a_technical_error(running: RunningFlow) -> None:
    [before, *_] = technical(running)
    queued = invoke(running.aws.client("lambda"), running.function("CatchErrors"), FAILURE)
    discard(running, queued["messageId"])

    assert technical(running)[0] == before + 1


def discard(running: RunningFlow, message: str) -> None:
    """Delete a message of the failed queue."""
    sqs, queue = running.aws.client("sqs"), {"QueueUrl": running.flow.failed_queue_url}

    def found() -> str | None:
        answer = sqs.receive_message(**queue, VisibilityTimeout=0, MaxNumberOfMessages=10)
        handles = {one["MessageId"]: one["ReceiptHandle"] for one in answer.get("Messages", [])}
        return handles.get(message)

    sqs.delete_message(**queue, ReceiptHandle=wait_for(found, f"message {message}"))
