"""Simulated prices agree with the formula, however the paths are divided."""

from __future__ import annotations

import pytest

from hpc_orchestration.pricing import exact, merged, shard_paths, simulate

OPTION = {"name": "a", "spot": 100, "strike": 100, "rate": 0.05, "volatility": 0.2, "years": 1}


def test_the_formula_gives_the_known_price() -> None:
    # https://en.wikipedia.org/wiki/Black%E2%80%93Scholes_model, a textbook's example.
    assert exact(OPTION) == pytest.approx(10.4506, abs=1e-4)


@pytest.mark.parametrize("changes", [{}, {"strike": 80}, {"strike": 120}, {"volatility": 0.8}])
def test_the_simulated_price_is_within_its_error(changes: dict[str, float]) -> None:
    option = {**OPTION, **changes}
    found = merged(option, [simulate(option, 20_000, f"seed/{index}") for index in range(3)])

    assert found["paths"] == 60_000
    assert abs(found["price"] - found["exact"]) < 4 * found["error"]


def test_every_path_is_in_one_shard() -> None:
    assert [shard_paths(10, 3, index) for index in range(3)] == [4, 3, 3]


def test_a_repeated_shard_has_the_same_sums() -> None:
    assert simulate(OPTION, 100, "s") == simulate(OPTION, 100, "s")
    assert simulate(OPTION, 100, "s") != simulate(OPTION, 100, "t")
