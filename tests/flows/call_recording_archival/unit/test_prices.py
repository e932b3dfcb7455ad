"""The table of costs is the article's, computed from its prices."""

from __future__ import annotations

import pytest

from ops.flows.call_recording_archival import prices
from ops.flows.call_recording_archival.prices import Calls, Prices, table
from ops.settings import REPOSITORY

README = REPOSITORY / "terraform" / "flows" / "call_recording_archival" / "README.md"
#: Table 2 of the article: S3 Standard, resampling, resampling with the archive.
ARTICLE = [
    (10_764, 3_960, 4_813),
    (30_636, 3_960, 5_677),
    (50_508, 3_960, 6_541),
    (70_380, 3_960, 7_405),
    (90_252, 3_960, 8_269),
    (110_124, 3_960, 9_133),
]
#: Its totals.
STANDARD, RESAMPLING, TOTAL = 356_664, 23_760, 41_838


def test_each_year_costs_as_in_the_article() -> None:
    found = [(round(y.standard), round(y.resampling), round(y.total)) for y in table()]

    assert found == ARTICLE
    assert [year.minutes for year in table()] == [36_000_000 * n for n in range(1, 7)]


def test_the_totals_are_those_of_the_article_but_for_its_slip() -> None:
    sums = tuple(sum(column) for column in zip(*ARTICLE, strict=True))

    assert sums[1:] == (RESAMPLING, TOTAL)
    # The article's own rows add up to 6,000 more than its total says.
    assert sums[0] - STANDARD == 6_000


def test_other_prices_and_calls_change_the_table() -> None:
    [year] = table(1, Calls(minutes=1_000, weeks=0), Prices(standard=1, archive=2, resampling=3))

    # 2 GB a month in Standard, and half a GB in the archive, for 12 + 11 + … + 1 months.
    assert (year.standard, year.archive) == (2 * 78, 0.5 * 78 * 2)
    assert year.resampling == pytest.approx(36)


def test_the_readme_has_the_table() -> None:
    assert prices.markdown() in README.read_text(encoding="utf-8")
