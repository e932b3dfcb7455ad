"""Hostile answers of a cluster, and hostile jobs: a small result, or an error of the adapter."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from cluster_job_manager import (
    cancel_job_run,
    cluster,
    get_job_status,
    receive_job,
    start_job_run,
)
from cluster_job_manager.cluster import read_metrics
from cluster_job_manager.errors import (
    ClusterRejected,
    ClusterUnavailable,
    InvalidJob,
    JobTooLarge,
)
from tests.flows.cluster_job_manager.support.answers import (
    ANSWERS,
    EXPRESSION,
    NO_ANSWER,
    RAW,
    SECRET,
    TIMES,
    HostileAnswer,
)
from tests.support.functions import LambdaContext
from tests.support.hostile import attempt, cases, json_values, strict_json, texts

REQUEST = {"jobId": "a-job", "attempt": 1, "cluster": "main"}
JOB = {"jobId": "a-job", "cpu": 4, "memoryGb": 16, "payload": {}}
START = {"job": {**JOB, "timeLimitSeconds": 60}, "attempt": 1, "cluster": "main"}
CONTEXT = LambdaContext()
CALLS: dict[str, Callable[[], Any]] = {
    "StartJobRun": lambda: start_job_run.handler(START, CONTEXT),
    "GetJobStatus": lambda: get_job_status.handler(REQUEST, CONTEXT),
    "CancelJobRun": lambda: cancel_job_run.handler(REQUEST, CONTEXT),
}
#: As much of an answer may go on: a state's data has 256 KiB at most.
LARGEST, LONGEST = 100_000, 500
IDS = (
    "",
    "a\n",
    "\na",
    ".",
    "..",
    "../../metrics",
    "a/b",
    "a%2F..%2Fmetrics",
    "a?b",
    "a#b",
    "#ledger/main",
    "#scheduler",
    "-a",
    "a b",
    "a\0",
    "é",
    "\u0661",
    "\ud83e",
    "a" * 81,
    "{% $states.context.Task.Token %}",
    None,
    1,
    True,
    ["a"],
    {"S": "a"},
)


class HostileCluster:
    """A cluster that gives one answer to every request."""

    def __init__(self, server: HTTPServer) -> None:
        self.answer = HostileAnswer(200, b"{}")
        self.paths: list[str] = []
        server.expect_request(re.compile(".*")).respond_with_handler(self._respond)

    def _respond(self, request: Request) -> Response:
        self.paths.append(str(request.environ["RAW_URI"]))
        return Response(self.answer.body, self.answer.status, dict(self.answer.headers))


@pytest.fixture
def hostile(
    httpserver: HTTPServer, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[HostileCluster]:
    """A cluster that the functions call."""
    aws("secretsmanager").create_secret(Name="token", SecretString="the-token")
    monkeypatch.setenv("CLUSTER_SECRET", "token")
    clusters = {"main": {"url": httpserver.url_for(""), "cpu": 40, "memoryGb": 160}}
    monkeypatch.setenv("CLUSTERS", json.dumps(clusters))
    caches = (cluster.places, cluster.cluster, cluster._token)
    for cache in caches:
        cache.cache_clear()
    yield HostileCluster(httpserver)
    for cache in caches:
        cache.cache_clear()


def called(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return what a function answers, or the error that its state knows; each is small."""
    answer, error = attempt(call, ClusterRejected, ClusterUnavailable)
    text = str(error) if error else json.dumps(answer, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert len(text) < (LARGEST if error is None else LONGEST)
    assert SECRET not in text
    return answer, error


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_about_a_run(hostile: HostileCluster, name: str) -> None:
    hostile.answer = given_answer = ANSWERS[name]

    answer, error = called(CALLS["GetJobStatus"])

    expected = given_answer.error
    if expected == "ClusterRejected":
        assert isinstance(error, ClusterRejected)
        assert given_answer.says in str(error)
    elif expected == NO_ANSWER:
        # The workflow waits in every state that it does not know.
        assert isinstance(error, ClusterUnavailable) or answer["state"] == EXPRESSION
    else:
        assert answer["state"] == ("FAILED" if expected else "SUCCEEDED")
        said = answer["error"] if expected else json.dumps(answer["result"])
        assert given_answer.says in said


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_to_every_call(hostile: HostileCluster, name: str, call: str) -> None:
    hostile.answer = ANSWERS[name]

    called(CALLS[call])


@pytest.fixture
def raw(hostile: HostileCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """The bytes that a server sends to every connection, in place of HTTP."""
    sent = [b""]

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(64 * 1024)
            self.request.sendall(sent[0])

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("CLUSTERS", json.dumps({"main": {"url": url, "cpu": 1, "memoryGb": 1}}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield sent
        server.shutdown()


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_http(raw: list[bytes], name: str) -> None:
    raw[0], wanted = RAW[name]

    _, error = called(CALLS["GetJobStatus"])

    assert wanted in str(error)


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_a_time_that_no_record_can_hold(hostile: HostileCluster, time: Any) -> None:
    hostile.answer = HostileAnswer(200, json.dumps({"acceptedAt": time}).encode())

    _, error = called(CALLS["StartJobRun"])

    assert isinstance(error, ClusterUnavailable)


def test_any_bytes_and_any_json(hostile: HostileCluster) -> None:
    runs = st.fixed_dictionaries(
        {},
        optional={
            "state": st.sampled_from(["RUNNING", "FAILED", "SUCCEEDED"]) | texts | json_values,
            "error": texts | json_values,
            "result": json_values,
            "acceptedAt": json_values,
        },
    )

    @cases(60)
    @given(
        status=st.sampled_from([200, 200, 200, 204, 400, 401, 404, 500]),
        body=st.binary(max_size=200) | (runs | json_values).map(lambda v: json.dumps(v).encode()),
    )
    def run(status: int, body: bytes) -> None:
        hostile.answer = HostileAnswer(status, body)
        for call in CALLS.values():
            called(call)

    run()


def test_any_metrics() -> None:
    names = st.sampled_from(
        ["cluster_cpu_cores_total", "cluster_cpu_cores_used", "cluster_memory_bytes_total"]
    )
    values = st.floats().map(str) | texts

    @cases(200)
    @given(lines=st.lists(st.tuples(names | texts, values).map(" ".join)))
    def run(lines: list[str]) -> None:
        attempt(lambda: read_metrics("\n".join(lines)), ClusterUnavailable)

    run()


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999"])
def test_metrics_beyond_every_number_grant_nothing(number: str) -> None:
    names = ("cpu_cores_total", "cpu_cores_used", "memory_bytes_total", "memory_bytes_used")
    values = dict.fromkeys((*names, "sample_time_seconds"), "1")
    for name in values:
        text = "\n".join(f"cluster_{n} {v}" for n, v in {**values, name: number}.items())
        with pytest.raises(ClusterUnavailable, match="not complete"):
            read_metrics(text)


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("job_id", IDS, ids=repr)
def test_an_id_that_is_refused(job_id: Any) -> None:
    with pytest.raises(InvalidJob, match="jobId") as raised:
        receive_job.handler({"id": "1", "detail": {**JOB, "jobId": job_id}}, CONTEXT)

    assert "states.context" not in str(raised.value)


def test_any_id_that_is_taken_is_one_part_of_the_path(hostile: HostileCluster) -> None:
    hostile.answer = HostileAnswer(200, b'{"acceptedAt": 1}')

    @cases(60)
    @given(job_id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", fullmatch=True))
    def run(job_id: str) -> None:
        hostile.paths.clear()
        job = receive_job.handler({"id": "1", "detail": {**JOB, "jobId": job_id}}, CONTEXT)
        start_job_run.handler({"job": job, "attempt": 1, "cluster": "main"}, CONTEXT)
        assert hostile.paths == [f"/v1/jobs/{job_id}.1"]

    run()


@pytest.mark.usefixtures("hostile")
def test_any_detail_is_a_job_or_refused() -> None:
    fields = st.fixed_dictionaries(
        {"jobId": st.just("a-job") | texts, "cpu": st.just(1) | json_values},
        optional={
            "memoryGb": st.just(1) | json_values,
            "priority": json_values,
            "timeLimitSeconds": json_values,
            "maxAttempts": json_values,
            "payload": st.dictionaries(texts, json_values) | json_values,
        },
    )

    @cases(200)
    @given(event=json_values | st.fixed_dictionaries({"detail": fields | json_values}))
    def run(event: Any) -> None:
        job, error = attempt(lambda: receive_job.handler(event, CONTEXT), InvalidJob, JobTooLarge)
        if error is None:
            strict_json(json.dumps(job))
            assert job["payload"] == event["detail"]["payload"]

    run()
