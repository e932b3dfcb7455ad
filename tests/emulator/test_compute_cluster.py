"""The cluster that the emulator plays keeps to its size, and runs a key once."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.stand_ins.compute_cluster import Cluster, RequestError, result_of

HALF = {"cpu": 20, "memoryGb": 20, "payload": {"runSeconds": 10}}


class Time:
    """A clock that is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def cluster(time: Time) -> Cluster:
    return Cluster(time)


def submit(cluster: Cluster, key: str, **payload: Any) -> dict[str, Any]:
    return cluster.submit(key, {**HALF, "payload": {**HALF["payload"], **payload}})  # type: ignore[dict-item]


def test_a_run_takes_its_time(cluster: Cluster, time: Time) -> None:
    assert submit(cluster, "a.1")["state"] == "RUNNING"
    time.now += 10
    assert cluster.describe("a.1")["state"] == "SUCCEEDED"


def test_the_same_key_runs_once(cluster: Cluster, time: Time) -> None:
    first = submit(cluster, "a.1")
    time.now += 1

    assert submit(cluster, "a.1")["acceptedAt"] == first["acceptedAt"]
    assert cluster.used(time.now) == (20, 20)
    with pytest.raises(RequestError) as refused:
        cluster.submit("a.1", {**HALF, "cpu": 1})
    assert refused.value.status == 409


def test_it_takes_no_more_than_its_size(cluster: Cluster, time: Time) -> None:
    submit(cluster, "a.1")
    submit(cluster, "b.1")

    with pytest.raises(RequestError) as refused:
        submit(cluster, "c.1")
    assert (refused.value.status, cluster.refused, cluster.peak["cpu"]) == (429, 1, 40)
    time.now += 10
    assert submit(cluster, "c.1")["state"] == "RUNNING"


def test_an_error_may_pass(cluster: Cluster, time: Time) -> None:
    for attempt, state in enumerate(("FAILED", "FAILED", "SUCCEEDED"), start=1):
        submit(cluster, f"a.{attempt}", error="no disk", errorTimes=2)
        time.now += 10
        assert cluster.describe(f"a.{attempt}")["state"] == state
    assert cluster.describe("a.1")["error"] == "no disk"


def test_a_run_that_is_cancelled_uses_nothing(cluster: Cluster, time: Time) -> None:
    submit(cluster, "a.1")
    time.now += 1
    cluster.cancel("a.1")
    time.now += 1

    assert cluster.used(time.now) == (0, 0)
    assert cluster.describe("a.1")["state"] == "CANCELLED"


def test_a_key_that_is_cancelled_first_never_runs(cluster: Cluster, time: Time) -> None:
    cluster.cancel("a.1")

    assert submit(cluster, "a.1")["state"] == "CANCELLED"
    assert cluster.used(time.now) == (0, 0)


def test_a_lost_answer_is_that_of_a_run(cluster: Cluster) -> None:
    cluster.change({"loseAnswers": 1})
    with pytest.raises(RequestError) as lost:
        submit(cluster, "a.1")

    assert lost.value.status == 504
    assert submit(cluster, "a.1")["state"] == "RUNNING"


def test_it_may_be_down(cluster: Cluster, time: Time) -> None:
    cluster.change({"unavailableSeconds": 60})
    with pytest.raises(RequestError) as down:
        cluster.request("GET", "/metrics", b"")

    assert down.value.status == 503
    time.now += 60
    assert "cluster_cpu_cores_total 40" in str(cluster.request("GET", "/metrics", b""))


def test_its_metrics_are_those_of_the_last_sample(cluster: Cluster, time: Time) -> None:
    cluster.change({"sampleSeconds": 30})
    submit(cluster, "a.1")

    assert "cluster_cpu_cores_used 0" in cluster.metrics()
    assert "cluster_sample_time_seconds 90.0" in cluster.metrics()
    cluster.change({"sampleSeconds": 0})
    time.now += 1
    assert "cluster_cpu_cores_used 20" in cluster.metrics()


def test_it_counts_words() -> None:
    assert result_of({"text": "To be, or not to be"}) == {
        "words": 6,
        "different": 4,
        "common": {"to": 2, "be": 2, "or": 1, "not": 1},
    }
    assert result_of({}) == {}
