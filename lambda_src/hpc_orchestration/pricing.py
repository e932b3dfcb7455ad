"""Price European call options by simulation, in shards whose sums are merged.

An option's price is the mean of what it pays at the end of simulated paths of the stock, discounted
to today (https://en.wikipedia.org/wiki/Monte_Carlo_methods_for_option_pricing). The formula of
Black and Scholes has the exact price, to compare with.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

Option = Mapping[str, Any]
#: Number of paths, sum of the payments, sum of their squares.
Sums = tuple[int, float, float]

normal = NormalDist()


def shard_paths(paths: int, shards: int, index: int) -> int:
    """Return how many of the paths a shard simulates."""
    return paths // shards + (index < paths % shards)


def simulate(option: Option, paths: int, seed: str) -> Sums:
    """Return the sums of the payments at the end of some paths.

    Parameters
    ----------
    option
        The option.
    paths
        How many paths.
    seed
        The same seed gives the same sums, so that a repeated job has the same result.
    """
    draw = random.Random(seed).gauss  # noqa: S311  no secret
    years, volatility = option["years"], option["volatility"]
    drift = (option["rate"] - volatility * volatility / 2) * years
    spread = volatility * math.sqrt(years)
    total = squares = 0.0
    for _ in range(paths):
        payment = max(option["spot"] * math.exp(drift + spread * draw(0, 1)) - option["strike"], 0)
        total += payment
        squares += payment * payment
    return paths, total, squares


def merged(option: Option, parts: Sequence[Sums]) -> dict[str, Any]:
    """Return the price of an option from the sums of its shards.

    Returns
    -------
    dict
        ``price``, ``error`` (its standard error), ``exact`` (by the formula) and ``paths``.
    """
    paths = sum(part[0] for part in parts)
    mean = sum(part[1] for part in parts) / paths
    variance = max(sum(part[2] for part in parts) / paths - mean * mean, 0)
    discount = math.exp(-option["rate"] * option["years"])
    return {
        "name": option["name"],
        "price": round(discount * mean, 4),
        "error": round(discount * math.sqrt(variance / paths), 4),
        "exact": round(exact(option), 4),
        "paths": paths,
    }


def exact(option: Option) -> float:
    """Return the price of an option by the formula of Black and Scholes."""
    spot, strike, years = option["spot"], option["strike"], option["years"]
    spread = option["volatility"] * math.sqrt(years)
    first = (math.log(spot / strike) + option["rate"] * years) / spread + spread / 2
    discounted = strike * math.exp(-option["rate"] * years)
    return float(spot * normal.cdf(first) - discounted * normal.cdf(first - spread))
