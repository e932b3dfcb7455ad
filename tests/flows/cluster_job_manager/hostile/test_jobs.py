"""Hostile answers and payloads in the whole flow: each job ends, and gives its space back."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ops.executions.executions import Execution
from tests.flows.cluster_job_manager.support.answers import (
    ANSWERS,
    EXPRESSION,
    NO_ANSWER,
    SECRET,
)
from tests.flows.cluster_job_manager.support.jobs import CPU, MAIN, MEMORY_GB, ClusterJobs, new_job
from tests.support.platform import Platform

#: The functions that ask the cluster about a job.
ADAPTER = ("StartJobRun", "GetJobStatus", "CancelJobRun")
#: Step Functions keeps no longer cause.
LONGEST_CAUSE = 32_768
TEXT = "e\u0301\u202e🦊👩\u200d👧\uffff \0 \r\n \u2028 </script> ' \" \\ ${x} $$.Execution %s"
PAYLOADS: dict[str, dict[str, Any]] = {
    "an expression": {EXPRESSION: EXPRESSION, "text": "{% $job %} {% $"},
    "every letter": {TEXT: TEXT, "": ""},
    "names of others": {"__proto__": {"admin": True}, "FunctionName": "x", "jobId": "../x"},
    "attributes": {"S": "x", "N": "NaN", "M": {"L": [{"NULL": True}]}},
    "numbers": {"n": [0, -1, 1.5, 2**53, 1e300, -1e-300]},
    "deep": {"note": json.loads("[" * 100 + "]" * 100)},
    "as much as an event holds": {"note": "n" * 200_000},
    "many fields": {f"field-{n}": n for n in range(2000)},
}


@pytest.fixture(scope="module")
def jobs(platform: Platform) -> ClusterJobs:
    found = ClusterJobs(platform.settings)
    found.settle()
    return found


@pytest.fixture
def asked(jobs: ClusterJobs, httpserver: HTTPServer) -> Iterator[dict[str, str]]:
    """The names of the answers to questions about jobs, by their ids."""
    names: dict[str, str] = {}

    def respond(request: Request) -> Response:
        if request.method != "GET":
            run = json.dumps({"state": "RUNNING", "acceptedAt": time.time()})
            return Response(run, content_type="application/json")
        given = ANSWERS[names[request.path.rpartition("/")[2].rpartition(".")[0]]]
        return Response(given.body, given.status, dict(given.headers))

    httpserver.expect_request(re.compile("/v1/jobs/.*")).respond_with_handler(respond)
    place = {"url": httpserver.url_for("").rstrip("/"), "cpu": CPU, "memoryGb": MEMORY_GB}
    clusters = json.dumps({MAIN: place})
    with jobs.configured({state: {"CLUSTERS": clusters} for state in ADAPTER}):
        yield names


def test_hostile_answers_end_each_job(jobs: ClusterJobs, asked: dict[str, str]) -> None:
    given = {name: new_job(cpu=1, memoryGb=1, maxAttempts=1) for name in ANSWERS}
    for name, job in given.items():
        asked[job["jobId"]] = name
        if ANSWERS[name].error == NO_ANSWER:
            job["timeLimitSeconds"] = 1
    events = jobs.publish(*given.values())

    with ThreadPoolExecutor(8) as pool:
        ended = dict(zip(given, pool.map(jobs.result, events), strict=True))

    problems = {name: problem for name in given if (problem := difference(name, ended[name]))}
    assert problems == {}
    jobs.settle()
    for name, execution in ended.items():
        if execution.error:
            message = jobs.failed_message(execution)
            assert message["event"]["detail"] == given[name]
            assert SECRET not in json.dumps(message)
        status = "FAILED" if execution.error else "SUCCEEDED"
        assert jobs.record(given[name]["jobId"])["status"] == status
    jobs.forget_failures()


def difference(name: str, execution: Execution) -> str:
    """Return how the end of a job differs from what its cluster's answer should lead to."""
    wanted, cause = ANSWERS[name], execution.cause or ""
    if execution.error != wanted.error:
        return f"{execution.error}: {cause}"
    said = cause if wanted.error else json.dumps((execution.answer or {})["result"])
    if wanted.says not in said:
        return f"{wanted.says} is not in {said[:LONGEST_CAUSE]}"
    if SECRET in said or len(said) > LONGEST_CAUSE:
        return f"{len(said)} characters: {said[:LONGEST_CAUSE]}"
    return ""


def test_hostile_payloads_arrive_as_they_are(jobs: ClusterJobs) -> None:
    given = {name: new_job(cpu=1, memoryGb=1, payload=more) for name, more in PAYLOADS.items()}
    events = jobs.publish(*given.values())

    with ThreadPoolExecutor(8) as pool:
        ended = dict(zip(given, pool.map(jobs.result, events), strict=True))

    assert {name: one.error for name, one in ended.items()} == dict.fromkeys(given)
    runs = jobs.runs(job["jobId"] for job in given.values())
    for job in given.values():
        [run] = runs[job["jobId"]]
        assert run["payload"] == job["payload"]
    jobs.settle()
