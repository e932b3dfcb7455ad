"""ReceiveJob: what is a job, and which of them no cluster could hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster_job_manager import cluster
from cluster_job_manager.errors import InvalidJob, JobTooLarge
from cluster_job_manager.jobs import digest, run_key
from cluster_job_manager.receive_job import handler
from flowbridge.errors import ConfigurationError
from tests.support.functions import LambdaContext

JOB = {"jobId": "a-job", "cpu": 4, "memoryGb": 16, "payload": {"program": "x"}}
CLUSTERS = {
    "small": {"url": "https://small.example", "cpu": 8, "memoryGb": 512},
    "large": {"url": "https://large.example", "cpu": 40, "memoryGb": 160},
}


@pytest.fixture(autouse=True)
def clusters(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CLUSTERS", json.dumps(CLUSTERS))
    cluster.places.cache_clear()
    yield
    cluster.places.cache_clear()


def receive(job: Any) -> dict[str, Any]:
    return handler({"id": "e", "detail": job}, LambdaContext())


def test_a_job_gets_its_defaults() -> None:
    found = receive(JOB)

    assert found.items() >= {**JOB, "priority": 5, "maxAttempts": 2}.items()
    assert found["timeLimitSeconds"] == 86400


def test_the_digest_is_that_of_the_content() -> None:
    first = receive(JOB)["digest"]

    assert receive({**dict(reversed(JOB.items())), "priority": 5})["digest"] == first
    assert receive({**JOB, "priority": 6})["digest"] != first
    assert len(digest({})) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"jobId": ""},
        {"jobId": "#ledger/main"},
        {"jobId": "a/b"},
        {"jobId": "a\n"},
        {"jobId": "x" * 81},
        {"jobId": 7},
        {"cpu": 0},
        {"cpu": -4},
        {"cpu": 1.5},
        {"cpu": "4"},
        {"cpu": True},
        {"memoryGb": 0},
        {"priority": 10},
        {"priority": -1},
        {"timeLimitSeconds": 0},
        {"timeLimitSeconds": 2592001},
        {"maxAttempts": 11},
        {"payload": "rm -rf"},
        {"unknown": 1},
    ],
)
def test_a_wrong_job_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidJob):
        receive({**JOB, **change})


@pytest.mark.parametrize("field", JOB)
def test_a_job_without_a_field_is_refused(field: str) -> None:
    with pytest.raises(InvalidJob, match=field):
        receive({name: value for name, value in JOB.items() if name != field})


@pytest.mark.parametrize("needs", [{"cpu": 40, "memoryGb": 160}, {"cpu": 8, "memoryGb": 512}])
def test_a_job_that_fills_a_cluster_is_taken(needs: dict[str, int]) -> None:
    assert receive({**JOB, **needs})["jobId"] == "a-job"


@pytest.mark.parametrize(
    "needs",
    [
        {"cpu": 41, "memoryGb": 1},
        {"cpu": 1, "memoryGb": 513},
        # One has the cores, the other one the memory.
        {"cpu": 40, "memoryGb": 512},
    ],
)
def test_a_job_that_no_cluster_could_hold_is_refused(needs: dict[str, int]) -> None:
    with pytest.raises(JobTooLarge, match="no cluster has as much"):
        receive({**JOB, **needs})


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"a": {}}', '{"a": 1}'])
def test_wrong_clusters_say_what_to_do(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CLUSTERS", text)
    cluster.places.cache_clear()

    with pytest.raises(ConfigurationError, match="CLUSTERS"):
        receive(JOB)


def test_attempts_of_a_job_have_keys_of_their_own() -> None:
    assert (run_key("a-job", 1), run_key("a-job", 12)) == ("a-job.1", "a-job.12")
