"""The generated data are the same in every run."""

from __future__ import annotations

from ops.flows.athena_unload import data


def test_the_same_seed_gives_the_same_rows() -> None:
    first, second = ({n: t.text for n, t in data.sales().items()} for _ in range(2))

    assert first == second


def test_every_row_has_every_column() -> None:
    for table in (*data.sales().values(), data.reviews("2026-11-30")):
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_the_customer_of_the_demo_has_returns() -> None:
    rows = data.sales()["catalog_returns"].rows

    assert len([row for row in rows if row[:2] == [data.RETURNED, data.CUSTOMER]]) == 3
