"""Which jobs start: by rank, smaller ones past one that does not fit, and none starves."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_job_manager.jobs import EMPTY, Space
from cluster_job_manager.planning import Plan, Waiting, free_space, plan, rank

SIZE = Space(40, 160)
NOW = 1000.0
BACKFILL = 60.0


def waiting(job_id: str, cpu: float, blocked_at: float | None = None, gb: float = 1) -> Waiting:
    return Waiting(job_id, Space(cpu, gb), blocked_at)


def starts(
    queue: list[Waiting], free: dict[str, Space], sizes: dict[str, Space] | None = None
) -> Plan:
    return plan(queue, free, sizes or dict.fromkeys(free, SIZE), NOW, BACKFILL)


def test_jobs_start_in_order_while_they_fit() -> None:
    found = starts([waiting("a", 20), waiting("b", 15), waiting("c", 6)], {"main": SIZE})

    assert found.starts == [("a", "main"), ("b", "main")]
    assert found.blocked == ["c"]


def test_memory_counts_as_cores_do() -> None:
    found = starts([waiting("a", 1, gb=150), waiting("b", 1, gb=20)], {"main": SIZE})

    assert (found.starts, found.blocked) == ([("a", "main")], ["b"])


def test_a_smaller_job_passes_one_that_does_not_fit() -> None:
    found = starts([waiting("large", 30), waiting("small", 5)], {"main": Space(10, 160)})

    assert (found.starts, found.blocked) == ([("small", "main")], ["large"])


@pytest.mark.parametrize(("waited", "passes"), [(0, True), (59, True), (60, False), (600, False)])
def test_but_only_for_a_time(waited: float, passes: bool) -> None:
    large = waiting("large", 30, blocked_at=NOW - waited)
    found = starts([large, waiting("small", 5)], {"main": Space(10, 160)})

    assert found.starts == ([("small", "main")] if passes else [])
    assert found.blocked == []


def test_only_the_clusters_that_could_hold_it_wait_for_it() -> None:
    large = waiting("large", 30, blocked_at=0)
    free, sizes = {"a": Space(10, 99), "b": Space(10, 99)}, {"a": SIZE, "b": Space(20, 99)}
    found = starts([large, waiting("small", 5)], free, sizes)

    assert found.starts == [("small", "b")]


def test_a_job_goes_to_the_emptiest_cluster() -> None:
    free = {"a": Space(10, 99), "b": Space(30, 99)}
    found = starts([waiting("one", 5), waiting("two", 5), waiting("three", 25)], free)

    assert found.starts == [("one", "b"), ("two", "b")]


def test_nothing_is_read_once_nothing_fits() -> None:
    read: list[int] = []

    def queue() -> Iterator[Waiting]:
        for number in range(1000):
            read.append(number)
            yield waiting(str(number), 20)

    plan(queue(), {"main": SIZE}, {"main": SIZE}, NOW, BACKFILL)

    assert read == [0, 1]


def test_without_a_cluster_nothing_starts() -> None:
    assert starts([waiting("a", 1)], {}).starts == []


@given(st.integers(0, 10**6), st.integers(1, 60))
def test_it_never_grants_more_than_is_free(seed: int, count: int) -> None:
    chance = random.Random(seed)
    free = {name: Space(chance.randint(0, 40), chance.randint(0, 160)) for name in "ab"}
    jobs = [
        waiting(
            str(n), chance.randint(1, 50), chance.choice([None, 0.0, NOW]), chance.randint(1, 99)
        )
        for n in range(count)
    ]
    needs = {job.job_id: job.needs for job in jobs}

    found = starts(jobs, free)

    assert len({job for job, _ in found.starts}) == len(found.starts)
    for name, space in free.items():
        taken = sum((needs[job] for job, cluster in found.starts if cluster == name), EMPTY)
        assert space.holds(taken)


def test_what_was_granted_counts_until_the_metrics_show_it() -> None:
    # Ten cores were granted, and the sample does not show them.
    unseen = free_space(SIZE, SIZE, Space(0, 0), Space(10, 10), EMPTY)
    # It shows them.
    seen = free_space(SIZE, SIZE, Space(10, 10), Space(10, 10), Space(10, 10))

    assert unseen == seen == Space(30, 150)


def test_the_jobs_of_others_take_space_too() -> None:
    assert free_space(SIZE, SIZE, Space(25, 40), EMPTY, EMPTY) == Space(15, 120)


def test_a_share_of_a_large_cluster_is_not_exceeded() -> None:
    total = Space(5000, 2000)

    assert free_space(SIZE, total, EMPTY, Space(38, 0), EMPTY) == Space(2, 160)
    assert free_space(SIZE, Space(8, 8), Space(9, 9), EMPTY, EMPTY) == EMPTY


def test_a_level_of_priority_is_worth_some_time_of_waiting() -> None:
    urgent_and_late, patient = rank(3600, 9, 3600), rank(0, 0, 3600)

    assert urgent_and_late < patient
    assert rank(10 * 3600, 9, 3600) > patient
    # Without ageing, the first one comes first.
    assert rank(0, 0, 0) < rank(1, 9, 0)
