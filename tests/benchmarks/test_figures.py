from __future__ import annotations

import pytest

from benchmarks.figures import median, paired_ratio, percentile, seconds, table, verdict


@pytest.mark.parametrize(
    ("share", "expected"), [(0.01, 1), (0.5, 50), (0.95, 95), (0.99, 99), (1, 100)]
)
def test_a_percentile_is_one_of_the_values(share: float, expected: int) -> None:
    values = list(range(100, 0, -1))

    assert percentile(values, share) == expected


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_percentile_of_nothing_is_refused(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="a percentile needs values"):
        percentile(values, share)


def test_a_ratio_is_taken_pair_by_pair() -> None:
    # The machine was half as fast in the second pair, which says nothing of either.
    assert paired_ratio([6.0, 12.0, 6.0], [2.0, 4.0, 3.0]) == 3.0
    with pytest.raises(ValueError, match="shorter"):
        paired_ratio([1.0, 2.0], [1.0])


def test_one_slow_run_does_not_move_the_median() -> None:
    assert median([1.0, 100.0, 1.0]) == 1.0


@pytest.mark.parametrize(
    ("value", "text"), [(2.9512, "2.95 s"), (12.0, "12.0 s"), (0.0579, "57.9 ms"), (0.75, "750 ms")]
)
def test_durations_have_three_digits(value: float, text: str) -> None:
    assert seconds(value) == text


def test_a_table_is_markdown() -> None:
    assert (
        table(["case", "ratio"], [["cold", 2]]) == "| case | ratio |\n| --- | ---: |\n| cold | 2 |"
    )


def test_a_missed_aim_stands_out() -> None:
    assert verdict(True) == "met"
    assert verdict(False) == "**missed**"
