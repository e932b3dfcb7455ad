"""The cost of keeping recordings, with and without the archive, for the years that the law asks.

The prices and the example are those of the article that published the pattern
(https://aws.amazon.com/blogs/architecture/serverless-architecture-for-optimizing-amazon-connect-call-recording-archival-costs/).
Replace them by yours: `table` computes the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

MONTHS = 12


@dataclass(frozen=True)
class Prices:
    """Prices in USD.

    Parameters
    ----------
    standard
        A GB in S3 Standard for a month.
    archive
        A GB in the archive's storage class for a month.
    resampling
        Converting 1,000 minutes: requests, messages and the function.
    """

    standard: float = 0.023
    archive: float = 0.004
    resampling: float = 0.11


@dataclass(frozen=True)
class Calls:
    """The recordings.

    Parameters
    ----------
    minutes
        Minutes that are recorded in a month.
    before, after
        MB of a minute, as Connect makes it and in the archive.
    weeks
        Weeks of recordings that wait in S3 Standard for their conversion.
    weeks_of_month
        Weeks of a month, rounded as in the article.
    """

    minutes: int = 3_000_000
    before: float = 2.0
    after: float = 0.5
    weeks: float = 1.0
    weeks_of_month: float = 4.3


@dataclass(frozen=True)
class Year:
    """The costs of one year in USD."""

    year: int
    minutes: int
    standard: float
    resampling: float
    archive: float

    @property
    def total(self) -> float:
        """The cost with the archive."""
        return self.resampling + self.archive


def table(years: int = 6, calls: Calls = Calls(), prices: Prices = Prices()) -> list[Year]:
    """Return the cost of each year; everything that was recorded is kept."""
    monthly = calls.minutes / 1000
    waiting = monthly * calls.before * calls.weeks / calls.weeks_of_month
    found = []
    for year in range(1, years + 1):
        # In months of one month's recordings: those of earlier years all year, this year's from the
        # month in which they are made.
        months = MONTHS * MONTHS * (year - 1) + sum(range(1, MONTHS + 1))
        found.append(
            Year(
                year=year,
                minutes=calls.minutes * MONTHS * year,
                standard=monthly * calls.before * months * prices.standard,
                resampling=monthly * MONTHS * prices.resampling,
                archive=monthly * calls.after * months * prices.archive
                + waiting * MONTHS * prices.standard,
            )
        )
    return found


def markdown() -> str:
    """Return the table of the README; the totals are those of the rounded rows."""
    rows = [
        (row.minutes, *map(round, (row.standard, row.resampling, row.total))) for row in table()
    ]
    lines = [
        "| year | minutes so far | S3 Standard | resampling | resampling and archive |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {year} | {minutes:,} | ${standard:,} | ${resampling:,} | ${total:,} |"
        for year, (minutes, standard, resampling, total) in enumerate(rows, start=1)
    ]
    sums = [sum(row[column] for row in rows) for column in (1, 2, 3)]
    lines.append(f"| total | | ${sums[0]:,} | ${sums[1]:,} | ${sums[2]:,} |")
    return "\n".join(lines)
