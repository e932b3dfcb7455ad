"""Realistic raw data: the tables of a retailer's returns and sales, and reviews by day.

The tables and columns are those of the TPC-DS benchmark that the queries read. Everything follows
from a seed, so that tests know the rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

ITEMS = 120
ADDRESSES = 400
FIRST_DAY = 2450815
DAYS = 1095
YEARS = (2000, 2001, 2002)
PROMOTIONS = 30
CUSTOMERS = 60
STATES = ("TN", "GA", "TX", "OH", "CA", "NY", "IL", "WA")
STREETS = ("Oak", "Main", "Park", "Lake", "Hill", "Cedar", "Elm", "Second", "View", "Pine")
CATEGORIES = ("Books", "Home", "Electronics", "Jewelry", "Men", "Music", "Shoes", "Sports")
EDUCATION = ("Primary", "Secondary", "College", "2 yr Degree", "4 yr Degree", "Advanced Degree")
WORDS = (
    "good", "bad", "fits", "colour", "quality", "late", "delivery", "again", "recommend", "price",
    "small", "large", "broke", "week", "gift", "perfect", "return", "service", "soft", "loud",
)  # fmt: skip
#: The customer and the day of the second use case.
CUSTOMER, RETURNED = 11026691, 2450821


@dataclass(frozen=True)
class RawTable:
    """Rows of a table, with the names of its columns."""

    columns: tuple[str, ...]
    rows: list[list[object]]

    @property
    def text(self) -> bytes:
        """The rows as tab-separated values with a header."""
        lines = ("\t".join(map(str, row)) for row in (self.columns, *self.rows))
        return ("\n".join(lines) + "\n").encode()


def sales(seed: int = 1, scale: int = 1) -> dict[str, RawTable]:
    """Return the tables of sales and returns; returns grow with the scale."""
    dice = random.Random(seed)  # noqa: S311  data of a demonstration
    return {
        "item": _items(dice),
        "customer_address": _addresses(dice),
        "customer_demographics": _demographics(),
        "date_dim": _dates(),
        "promotion": _promotions(dice),
        "store_returns": _returns(dice, "sr", 900 * scale),
        "web_returns": _returns(dice, "wr", 700 * scale),
        "catalog_returns": _catalog_returns(dice),
        "store_sales": _sales(dice),
    }


def reviews(day: str, count: int = 400) -> RawTable:
    """Return the reviews of a day."""
    dice = random.Random(day)  # noqa: S311  data of a demonstration
    columns = ("review_id", "item", "stars", "verified", "title", "body")
    rows: list[list[object]] = [
        [
            f"R{day.replace('-', '')}{number:05d}",
            f"AAAA{dice.randrange(ITEMS):04d}",
            dice.choice((5, 5, 5, 4, 4, 3, 2, 1)),
            dice.choice(("true", "true", "false")),
            " ".join(dice.choices(WORDS, k=3)),
            " ".join(dice.choices(WORDS, k=dice.randrange(8, 30))),
        ]
        for number in range(count)
    ]
    return RawTable(columns, rows)


def _items(dice: random.Random) -> RawTable:
    names = (
        "i_item_sk", "i_item_id", "i_rec_start_date", "i_item_desc", "i_current_price",
        "i_wholesale_cost", "i_brand_id", "i_brand", "i_class", "i_category", "i_manufact",
        "i_size", "i_formulation", "i_color", "i_units", "i_container", "i_manager_id",
        "i_product_name",
    )  # fmt: skip
    rows: list[list[object]] = []
    for number in range(ITEMS):
        cost = round(dice.uniform(1, 60), 2)
        brand = dice.randrange(20)
        rows.append(
            [
                number, f"AAAA{number:04d}", "1999-10-28",
                " ".join(dice.choices(WORDS, k=14)), round(cost * 1.4, 2), cost, brand,
                f"brand {brand}", f"class {brand % 7}", dice.choice(CATEGORIES), f"maker {brand}",
                dice.choice(("small", "medium", "large", "N/A")), f"{dice.getrandbits(48):012x}",
                dice.choice(("red", "blue", "green", "black")), dice.choice(("Each", "Dozen")),
                "Unknown", dice.randrange(40), f"product {number}",
            ]
        )  # fmt: skip
    return RawTable(names, rows)


def _addresses(dice: random.Random) -> RawTable:
    names = (
        "ca_address_sk", "ca_address_id", "ca_street_number", "ca_street_name", "ca_street_type",
        "ca_suite_number", "ca_city", "ca_county", "ca_state", "ca_zip", "ca_country",
        "ca_gmt_offset", "ca_location_type",
    )  # fmt: skip
    rows: list[list[object]] = [
        [
            number, f"ADDR{number:06d}", dice.randrange(1, 999), dice.choice(STREETS),
            dice.choice(("Street", "Avenue", "Lane")), f"Suite {dice.randrange(90)}",
            f"{dice.choice(STREETS)}ville", f"{dice.choice(STREETS)} County", dice.choice(STATES),
            f"{dice.randrange(10000, 99999)}", "United States", -5.0,
            dice.choice(("apartment", "condo", "single family")),
        ]
        for number in range(ADDRESSES)
    ]  # fmt: skip
    return RawTable(names, rows)


def _demographics() -> RawTable:
    names = ("cd_demo_sk", "cd_gender", "cd_marital_status", "cd_education_status")
    groups = [(g, m, e) for g in "MF" for m in "MSDWU" for e in EDUCATION]
    return RawTable(names, [[number, *group] for number, group in enumerate(groups)])


def _dates() -> RawTable:
    rows: list[list[object]] = [
        [FIRST_DAY + number, YEARS[number // 365], number % 365 + 1] for number in range(DAYS)
    ]
    return RawTable(("d_date_sk", "d_year", "d_doy"), rows)


def _promotions(dice: random.Random) -> RawTable:
    rows: list[list[object]] = [
        [number, dice.choice("NY"), dice.choice("NY")] for number in range(PROMOTIONS)
    ]
    return RawTable(("p_promo_sk", "p_channel_email", "p_channel_event"), rows)


def _returns(dice: random.Random, prefix: str, count: int) -> RawTable:
    names = (
        "returned_date_sk", "return_time_sk", "item_sk", "refunded_customer_sk",
        "refunded_addr_sk", "reason_sk", "order_number", "return_quantity", "return_amt",
        "return_tax", "return_amt_inc_tax", "fee", "return_ship_cost", "refunded_cash",
        "reversed_charge", "account_credit", "net_loss",
    )  # fmt: skip
    rows: list[list[object]] = []
    for number in range(count):
        quantity = dice.randrange(1, 60)
        amount = round(quantity * dice.uniform(2, 80), 2)
        tax = round(amount * dice.choice((0, 0.03, 0.05, 0.08)), 2)
        cash = round(amount * dice.random(), 2)
        rows.append(
            [
                FIRST_DAY + dice.randrange(DAYS), dice.randrange(28800, 75600),
                dice.randrange(ITEMS), dice.randrange(5000), dice.randrange(ADDRESSES),
                dice.randrange(35), number, quantity, amount, tax, round(amount + tax, 2),
                round(dice.uniform(0.5, 100), 2), round(dice.uniform(1, 200), 2), cash,
                round((amount - cash) / 2, 2), round((amount - cash) / 2, 2),
                round(dice.uniform(1, 900), 2),
            ]
        )  # fmt: skip
    return RawTable(tuple(f"{prefix}_{name}" for name in names), rows)


def _catalog_returns(dice: random.Random) -> RawTable:
    names = (
        "cr_returned_date_sk",
        "cr_returning_customer_sk",
        "cr_catalog_page_sk",
        "cr_net_loss",
    )

    def row(day: int, customer: int) -> list[object]:
        return [day, customer, dice.randrange(9000), round(dice.uniform(1, 2000), 2)]

    rows = [row(RETURNED, CUSTOMER) for _ in range(3)]
    rows += [row(FIRST_DAY + dice.randrange(DAYS), dice.randrange(5000)) for _ in range(2000)]
    return RawTable(names, rows)


def _sales(dice: random.Random) -> RawTable:
    names = (
        "ss_sold_date_sk", "ss_item_sk", "ss_cdemo_sk", "ss_promo_sk", "ss_quantity",
        "ss_list_price", "ss_coupon_amt", "ss_sales_price",
    )  # fmt: skip
    rows: list[list[object]] = []
    for _ in range(6000):
        price = round(dice.uniform(1, 200), 2)
        rows.append(
            [
                FIRST_DAY + dice.randrange(DAYS), dice.randrange(ITEMS), dice.randrange(CUSTOMERS),
                dice.randrange(PROMOTIONS), dice.randrange(1, 100), price,
                round(price * dice.choice((0, 0, 0.1, 0.4)), 2), round(price * dice.random(), 2),
            ]
        )  # fmt: skip
    return RawTable(names, rows)


def objects(days: Iterator[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the key and the content of each raw file of the lake."""
    for name, table in sales().items():
        yield f"raw/{name}/{name}.tsv", table.text
    for day in days:
        yield f"raw/reviews/day={day}/reviews.tsv", reviews(day).text
