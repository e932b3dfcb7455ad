"""StartJob, PollJob and CancelJob against a service that answers as HTTP services do."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from pytest_httpserver import HTTPServer

from async_polling import cancel_job, poll_job, results, service, start_job
from async_polling.errors import ResultsUnavailable, ServiceRefused, ServiceUnavailable
from async_polling.results import load, store
from flowbridge.errors import ConfigurationError
from tests.support.functions import LambdaContext, logged
from tests.support.platform import free_port

BUCKET = "results"
JOB = {"id": "j-1", "status": "running"}
REQUEST = {"action": "count", "payload": {"input": {"text": "private"}}, "token": "t-1"}
CONTEXT = LambdaContext()


@pytest.fixture(autouse=True)
def secret(
    secrets: dict[str, str], httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """The secret of the service, which the functions read once."""
    secrets["service"] = json.dumps({"url": httpserver.url_for("/v1/"), "key": "first"})
    monkeypatch.setenv("SERVICE_SECRET", "service")
    monkeypatch.setenv("RESULTS_BUCKET", BUCKET)
    monkeypatch.setenv("INLINE_BYTES", "20")
    service.service.cache_clear()
    yield secrets
    service.service.cache_clear()


@pytest.fixture
def s3(aws: Callable[[str], Any]) -> Any:
    """S3 with the bucket of results."""
    client = aws("s3")
    client.create_bucket(Bucket=BUCKET)
    return client


def poll() -> dict[str, Any]:
    return poll_job.handler({"job": {"id": "j-1"}, "request": REQUEST}, CONTEXT)


def test_a_job_is_started_with_its_token(
    httpserver: HTTPServer, logs: list[logging.LogRecord]
) -> None:
    httpserver.expect_oneshot_request(
        "/v1/jobs",
        "POST",
        headers={"x-api-key": "first", "Idempotency-Key": "t-1"},
        json={"action": "count", "input": {"text": "private"}},
    ).respond_with_json(JOB, status=202)

    assert start_job.handler(REQUEST, CONTEXT) == {"id": "j-1"}
    httpserver.check_assertions()
    assert "private" not in logged(logs)
    assert "first" not in logged(logs)


def test_a_large_input_is_read_from_its_place(httpserver: HTTPServer, s3: Any) -> None:
    place = store("t-0", json.dumps(["large"]))
    httpserver.expect_oneshot_request(
        "/v1/jobs", "POST", json={"action": "count", "input": ["large"]}
    ).respond_with_json(JOB, status=202)

    start_job.handler({**REQUEST, "payload": {"inputLocation": place}}, CONTEXT)

    httpserver.check_assertions()


def test_another_bucket_is_not_read(s3: Any) -> None:
    with pytest.raises(ConfigurationError, match="not in RESULTS_BUCKET"):
        load({"bucket": "secrets", "key": "k"})


@pytest.mark.parametrize(
    ("job", "answer"),
    [
        ({"status": "running"}, {"status": "running", "retryAfterSeconds": 7}),
        ({"status": "failed", "cause": "paper"}, {"status": "failed", "cause": "paper"}),
        ({"status": "cancelled"}, {"status": "failed", "cause": "its status is cancelled"}),
        ({"status": "new"}, {"status": "failed", "cause": "its status is new"}),
        ({"status": "succeeded", "result": {"a": 1}}, {"status": "succeeded", "result": {"a": 1}}),
    ],
)
def test_a_poll_says_what_became_of_the_job(
    httpserver: HTTPServer, job: dict[str, Any], answer: dict[str, Any]
) -> None:
    httpserver.expect_oneshot_request("/v1/jobs/j-1", "GET").respond_with_json(
        {"id": "j-1", **job}, headers={"Retry-After": "7"}
    )

    assert poll() == answer


def test_a_large_result_is_stored_once(httpserver: HTTPServer, s3: Any) -> None:
    job = {"id": "j-1", "status": "succeeded", "result": ["a large result", "é"]}
    httpserver.expect_request("/v1/jobs/j-1").respond_with_json(job)

    answers = [poll(), poll()]

    place = {"bucket": BUCKET, "key": "results/t-1.json"}
    assert answers == [{"status": "succeeded", "resultLocation": place}] * 2
    assert load(place) == job["result"]


def test_a_job_is_cancelled_by_its_token(httpserver: HTTPServer) -> None:
    httpserver.expect_oneshot_request("/v1/jobs/by-key/t-1", "DELETE").respond_with_data(status=204)

    assert cancel_job.handler(REQUEST, CONTEXT) == {"token": "t-1"}
    httpserver.check_assertions()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, ServiceRefused),
        (400, ServiceRefused),
        (401, ServiceRefused),
        (404, ServiceRefused),
        (422, ServiceRefused),
        (408, ServiceUnavailable),
        (429, ServiceUnavailable),
        (500, ServiceUnavailable),
        (503, ServiceUnavailable),
    ],
)
def test_an_error_says_whether_a_retry_may_help(
    httpserver: HTTPServer, status: int, error: type[Exception]
) -> None:
    answer = {"error": "the reason"}
    httpserver.expect_request("/v1/jobs/j-1").respond_with_json(
        answer, status=status, headers={"Location": "https://example.com"}
    )

    with pytest.raises(error, match=f"{status}: the reason"):
        poll()


@pytest.mark.parametrize("text", ["<html>", "[]", "null", '"x"', '{"id": 1}', "[" * 5000])
def test_an_answer_that_is_no_job_is_that_of_a_proxy(httpserver: HTTPServer, text: str) -> None:
    httpserver.expect_request("/v1/jobs/j-1").respond_with_data(text)

    with pytest.raises(ServiceUnavailable, match="without a job"):
        poll()


def test_a_service_that_is_not_there_is_unavailable(secret: dict[str, str]) -> None:
    secret["service"] = json.dumps({"url": f"http://127.0.0.1:{free_port()}", "key": "k"})

    with pytest.raises(ServiceUnavailable, match="did not respond: ConnectionError"):
        poll()


def test_a_key_that_was_rotated_is_read_again(
    httpserver: HTTPServer, secret: dict[str, str]
) -> None:
    httpserver.expect_request("/v1/jobs/j-1", headers={"x-api-key": "first"}).respond_with_json(JOB)
    httpserver.expect_request("/v1/jobs/j-1", headers={"x-api-key": "second"}).respond_with_json(
        {**JOB, "status": "succeeded", "result": 2}
    )
    assert poll()["status"] == "running"
    httpserver.clear()
    httpserver.expect_request("/v1/jobs/j-1", headers={"x-api-key": "first"}).respond_with_data(
        status=401
    )
    httpserver.expect_request("/v1/jobs/j-1", headers={"x-api-key": "second"}).respond_with_json(
        {**JOB, "status": "succeeded", "result": 2}
    )
    secret["service"] = json.dumps({"url": httpserver.url_for("/v1"), "key": "second"})

    assert poll()["result"] == 2


def test_a_key_is_not_sent_in_the_clear(secret: dict[str, str]) -> None:
    secret["service"] = json.dumps({"url": "http://service.example.com", "key": "k"})

    with pytest.raises(ConfigurationError, match="no https URL"):
        poll()


@pytest.mark.parametrize("key", ["a\nb", "clé\u2028"])
def test_a_key_that_is_no_header_is_the_configurations_fault(
    secret: dict[str, str], httpserver: HTTPServer, key: str
) -> None:
    secret["service"] = json.dumps({"url": httpserver.url_for("/v1"), "key": key})

    with pytest.raises(ConfigurationError, match="SERVICE_SECRET"):
        poll()


def test_results_without_a_bucket_are_the_configurations_fault(aws: Callable[[str], Any]) -> None:
    with pytest.raises(ConfigurationError, match="NoSuchBucket"):
        store("t", "{}")


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://s3"),
        ReadTimeoutError(endpoint_url="https://s3"),
        ClientError({"Error": {"Code": "SlowDown"}}, "PutObject"),
        ClientError({"ResponseMetadata": {"HTTPStatusCode": 500}}, "PutObject"),  # type: ignore[typeddict-item]
    ],
)
def test_s3_may_answer_later(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class S3:
        def put_object(self, **_: Any) -> None:
            raise error

    monkeypatch.setattr(results, "client", lambda _: S3())

    with pytest.raises(ResultsUnavailable, match="S3"):
        store("t", "{}")
