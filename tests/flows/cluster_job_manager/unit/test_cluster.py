"""The adapter against a cluster that answers by HTTP, and the cluster that the emulator plays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer

from cluster_job_manager import cancel_job_run, cluster, get_job_status, start_job_run
from cluster_job_manager.cluster import Cluster, Place, read_metrics
from cluster_job_manager.errors import ClusterRejected, ClusterUnavailable
from cluster_job_manager.jobs import Space
from emulator.stand_ins.compute_cluster import Cluster as Played
from flowbridge.errors import ConfigurationError
from flowbridge.secret import Secret
from tests.support.functions import LambdaContext
from tests.support.platform import free_port

JOB = {"jobId": "a-job", "cpu": 4, "memoryGb": 16, "timeLimitSeconds": 60, "payload": {"a": 1}}
BODY = {name: value for name, value in JOB.items() if name != "jobId"}
REQUEST = {"jobId": "a-job", "attempt": 2, "cluster": "main"}
AUTHORIZATION = {"Authorization": "Bearer the-token"}


@pytest.fixture
def server(
    httpserver: HTTPServer, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[HTTPServer]:
    """A cluster that the functions call."""
    aws("secretsmanager").create_secret(Name="token", SecretString="the-token\n")
    monkeypatch.setenv("CLUSTER_SECRET", "token")
    clusters = {"main": {"url": httpserver.url_for(""), "cpu": 40, "memoryGb": 160}}
    monkeypatch.setenv("CLUSTERS", json.dumps(clusters))
    caches = (cluster.places, cluster.cluster, cluster._token)
    for cache in caches:
        cache.cache_clear()
    yield httpserver
    for cache in caches:
        cache.cache_clear()


def test_a_run_is_submitted_by_the_key_of_its_attempt(server: HTTPServer) -> None:
    server.expect_oneshot_request(
        "/v1/jobs/a-job.2", "PUT", json=BODY, headers=AUTHORIZATION
    ).respond_with_json({"state": "RUNNING", "acceptedAt": 5.5})

    found = start_job_run.handler({"job": JOB, "attempt": 2, "cluster": "main"}, LambdaContext())

    assert found == {"acceptedAt": 5.5}
    server.check_assertions()


def test_the_state_of_a_run_has_no_secret(server: HTTPServer) -> None:
    answer = {"state": "FAILED", "error": "no access with password=S3cret"}
    server.expect_oneshot_request("/v1/jobs/a-job.2", "GET").respond_with_json(answer)

    found = get_job_status.handler(REQUEST, LambdaContext())

    assert found == {"state": "FAILED", "error": "no access with password=***", "result": {}}


def test_a_run_that_the_cluster_does_not_know_is_unknown(server: HTTPServer) -> None:
    server.expect_oneshot_request("/v1/jobs/a-job.2", "GET").respond_with_data("", 404)

    assert get_job_status.handler(REQUEST, LambdaContext())["state"] == "UNKNOWN"


def test_a_run_is_cancelled(server: HTTPServer) -> None:
    server.expect_oneshot_request(
        "/v1/jobs/a-job.2", "DELETE", headers=AUTHORIZATION
    ).respond_with_json({})

    assert cancel_job_run.handler(REQUEST, LambdaContext()) == {}
    server.check_assertions()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ClusterRejected),
        (403, ClusterRejected),
        (404, ClusterRejected),
        (409, ClusterRejected),
        (302, ClusterRejected),
        (408, ClusterUnavailable),
        (429, ClusterUnavailable),
        (500, ClusterUnavailable),
        (503, ClusterUnavailable),
    ],
)
def test_an_answer_says_whether_it_may_work_later(
    server: HTTPServer, status: int, error: type[Exception]
) -> None:
    server.expect_request("/v1/jobs/a-job.2").respond_with_data("token=S3cret", status)

    with pytest.raises(error, match=f"the cluster main returned {status}") as raised:
        cancel_job_run.handler(REQUEST, LambdaContext())
    assert "S3cret" not in str(raised.value)


def test_a_cluster_that_is_away_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Place("main", f"http://127.0.0.1:{free_port()}", Space(1, 1))
    one = Cluster(away, Secret("t", lambda _: "t"), requests.Session())

    with pytest.raises(ClusterUnavailable, match="did not respond: ConnectionError"):
        one.use()


def test_a_page_of_a_proxy_is_no_answer(server: HTTPServer) -> None:
    server.expect_request("/v1/jobs/a-job.2").respond_with_data("<html>maintenance</html>")

    with pytest.raises(ClusterUnavailable, match="no JSON object"):
        get_job_status.handler(REQUEST, LambdaContext())


def test_a_token_that_was_replaced_is_read_again(
    server: HTTPServer, aws: Callable[[str], Any]
) -> None:
    path = "/v1/jobs/a-job.2"
    server.expect_request(path, "DELETE", headers=AUTHORIZATION).respond_with_data("", 401)
    server.expect_request(
        path, "DELETE", headers={"Authorization": "Bearer new"}
    ).respond_with_json({})
    cluster.cluster("main")._token.text()
    aws("secretsmanager").put_secret_value(SecretId="token", SecretString="new")

    assert cancel_job_run.handler(REQUEST, LambdaContext()) == {}


def test_a_cluster_needs_tls() -> None:
    place = Place("main", "http://cluster.example", Space(1, 1))

    with pytest.raises(ConfigurationError, match="has no https URL"):
        Cluster(place, Secret("t"), requests.Session())


@pytest.mark.usefixtures("server")
def test_a_cluster_that_was_removed_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no cluster 'gone'"):
        cluster.cluster("gone")


def test_the_metrics_of_a_cluster_are_read() -> None:
    played = Played(lambda: 1000.0, cpu=40, memory_gb=160, other_cpu=5)
    played.submit("a.1", {"cpu": 4, "memoryGb": 16, "payload": {"runSeconds": 9}})

    use = read_metrics(played.metrics())

    assert (use.total, use.used, use.sampled_at) == (Space(40, 160), Space(9, 16), 1000.0)


@pytest.mark.parametrize("text", ["", "cluster_cpu_cores_total many", "<html></html>"])
def test_metrics_that_are_not_complete_are_no_metrics(text: str) -> None:
    with pytest.raises(ClusterUnavailable, match="not complete"):
        read_metrics(text)
