"""Expectations of the asynchronous polling in the tests of every flow."""

from __future__ import annotations

import json
import secrets
import time
import uuid

from ops.executions.events import Event
from ops.recovery import dead_letters
from tests.flows.async_polling.support.analysis import BUCKET, CALL, Analysis, request
from tests.support.expectations import FAILURE, Events, Expectations, Marks, Rights, Settings
from tests.support.platform import wait_for
from tests.support.running import RunningFlow

PARENT = "flowbridge-local-async-polling"
FOLLOW = "only the executions of the call, whose names Step Functions chooses"
RESULTS = "every call has an object of its own below this prefix"
#: Enough words for a result that goes to S3.
LARGE = " ".join(f"word{number}" for number in range(200))


def analysis(running: RunningFlow) -> Analysis:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Analysis)
    return running


def rights(running: RunningFlow) -> Rights:
    """Return the calls that miss each right."""
    flow, token = analysis(running), f"rights-{uuid.uuid4().hex}"
    # A job of a large text, and its result.
    done = flow.call(f"{token}-split", action="split", payload={"input": {"text": LARGE}})
    place = (done.answer or {})["resultLocation"]
    job = flow.jobs(f"{token}-split")[0]["id"]

    sent: list[str] = []

    def parent() -> str | None:
        [event] = flow.send(event_of())
        sent.append(event)
        return flow.ended(event)[0].error

    def child() -> str | None:
        payload = {"input": {"text": "one two"}}
        ended = flow.call(f"rights-{uuid.uuid4().hex}", action="count", payload=payload)
        return ended.error and f"{ended.error}: {ended.cause}"

    def cancelled() -> str | None:
        return cancellation(flow)

    names = [f"StatesStartExecutionSync2{purpose}" for purpose in ("", "Follow", "ReportEnd")]
    asked = {"action": "count", "payload": {"inputLocation": place}}
    return Rights(
        {
            "StartJob": {**asked, "token": f"{token}-count"},
            "PollJob": {"job": {"id": job}, "request": {"token": f"{token}-split"}},
            "CancelJob": {"token": f"{token}-cancel"},
            "CatchErrors": FAILURE,
        },
        {
            **{(PARENT, name): parent for name in names},
            (CALL, "LambdaInvoke"): child,
            (f"{CALL}-cancel", "LambdaInvoke"): cancelled,
            (f"{CALL}-cancel-events", "StartExecution"): cancelled,
        },
        lambda: forget(flow, sent),
    )


def forget(flow: Analysis, sent: list[str]) -> None:
    """Take what the tries left in the failed queue out of it."""

    def is_of_a_try(letter: dead_letters.DeadLetter) -> bool:
        return (letter.event or {}).get("id") in sent

    sqs, url = flow.aws.client("sqs"), flow.flow.failed_queue_url
    dead_letters.remove(sqs, dead_letters.FAILED, url, is_of_a_try)


def event_of() -> Event:
    """Return the event of a new request."""
    return Event(1, "flowbridge.async_polling", "AnalysisRequest", json.dumps(request()))


def cancellation(flow: Analysis) -> str | None:
    """Stop a call; return an error when its job is not cancelled."""
    token, marker = f"rights-{uuid.uuid4().hex}", f"never{secrets.token_hex(6)}"
    flow.behave(marker, never=True)
    client = flow.aws.client("stepfunctions")
    arn = client.start_execution(
        stateMachineArn=flow.output["children"]["call"]["alias_arn"],
        input=json.dumps(
            {"action": "count", "payload": {"input": {"text": marker}}, "token": token}
        ),
    )["executionArn"]
    wait_for(lambda: flow.jobs(token), f"the job {token}", 30)
    client.stop_execution(executionArn=arn)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if flow.jobs(token)[0]["status"] == "cancelled":
            return None
        time.sleep(0.2)
    return "the job runs on"


def marks(running: RunningFlow) -> Marks:
    """Send a good request, whose result is large, and a bad one."""
    flow, token = analysis(running), secrets.token_hex(6)
    good, bad = f"good{token}", f"bad{token}"
    [first] = flow.publish(request(f"{good} {LARGE}"))
    [second] = flow.publish({"id": "not an id", "text": bad})
    assert flow.ended(first)[0].status == "SUCCEEDED"
    assert flow.ended(second)[0].error == "InvalidRequest"
    return Marks(
        people={"a text": good, "a bad text": bad},
        failed=["a bad text"],
        searched={
            "a text": ["^execution ", f"^bucket {BUCKET}/results/"],
            "a bad text": ["^execution "],
        },
    )


#: A text is in the executions and in the large results.
PLACES = (
    rf"bucket {BUCKET}/results/\S+"
    r"|execution \S+:flowbridge-local-async-polling(-call)?:\S+"
    r"|log /aws/vendedlogs/states/flowbridge-local-async-polling(-call)?"
)

EXPECTATIONS = Expectations(
    running=Analysis,
    libraries={
        "async_polling.receive_request": set(),
        "async_polling.start_job": {"requests"},
        "async_polling.poll_job": {"requests"},
        "async_polling.cancel_job": {"requests"},
        "async_polling.catch_errors": set(),
    },
    wide={
        "StatesStartExecutionSync2Follow": FOLLOW,
        "ReadLargeInput": RESULTS,
        "StoreLargeResult": RESULTS,
    },
    rights=rights,
    events=Events(good=lambda _: request(), error="InvalidRequest"),
    marks=marks,
    places=PLACES,
    settings=Settings(
        wrong={"parallel_calls": 41, "limits": {"deadline_seconds": 20000}},
        sentences=[
            "async_polling.parallel_calls is 1 to 40",
            "async_polling.limits.deadline_seconds is 12600 at most",
        ],
    ),
)
