"""The four unloads: their queries, their parameters and the form of their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from athena_unload.errors import InvalidRequest

#: A column has no longer values.
MOST_CHARACTERS = 200


@dataclass(frozen=True)
class UseCase:
    """One unload.

    Parameters
    ----------
    query
        The query, with a question mark for each parameter.
    options
        The format of the files.
    crawler
        The crawler that knows its tables.
    parameters
        Names and types of the parameters, in the order of the question marks.
    """

    query: str
    options: str
    crawler: str
    parameters: Mapping[str, type] = field(default_factory=dict)

    def statement(self, location: str) -> str:
        """Return the UNLOAD to a location."""
        return f"UNLOAD ({self.query}) TO '{location}' WITH ({self.options})"

    def literals(self, given: Mapping[str, Any]) -> list[str]:
        """Return the parameters as literals, which Athena binds as values.

        Raises
        ------
        InvalidRequest
            When one is missing, unknown or of another type.
        """
        if unknown := sorted(set(given) - set(self.parameters)):
            raise InvalidRequest(f"unknown parameters: {', '.join(unknown)}")
        return [literal(name, given.get(name), kind) for name, kind in self.parameters.items()]


def literal(name: str, value: Any, kind: type) -> str:
    """Return a value as a literal of SQL.

    Raises
    ------
    InvalidRequest
        When it is not of the parameter's type.
    """
    if isinstance(value, bool) or not isinstance(value, kind):
        wanted = "a whole number" if kind is int else "a text"
        raise InvalidRequest(f"the parameter {name} is not {wanted}")
    if kind is int:
        return str(value)
    text = str(value)
    if len(text) > MOST_CHARACTERS or any(ord(letter) < ord(" ") for letter in text):
        raise InvalidRequest(
            f"the parameter {name} has control characters or more than {MOST_CHARACTERS} characters"
        )
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


USE_CASES: Mapping[str, UseCase] = {
    # Items that were returned to a store and to the web site, for other queries.
    "returned_items": UseCase(
        "SELECT * FROM store_returns, item, web_returns, customer_address "
        "WHERE sr_item_sk = i_item_sk AND wr_item_sk = i_item_sk "
        "AND wr_refunded_addr_sk = ca_address_sk",
        "format = 'PARQUET', compression = 'SNAPPY', partitioned_by = ARRAY['ca_location_type']",
        "sales",
    ),
    # The returns of one customer on one day, for a web application.
    "customer_returns": UseCase(
        "SELECT cr_returned_date_sk, cr_returning_customer_sk, cr_catalog_page_sk, cr_net_loss "
        "FROM catalog_returns WHERE cr_returned_date_sk = ? AND cr_returning_customer_sk = ?",
        "format = 'JSON', compression = 'NONE'",
        "sales",
        {"returnedDate": int, "customer": int},
    ),
    # Averages by item for a group of customers, for a model that chooses discounts.
    "discount_features": UseCase(
        "SELECT i_item_id, avg(ss_quantity) AS avg_sales, avg(ss_list_price) AS avg_list_price, "
        "avg(ss_coupon_amt) AS avg_coupon_amt, avg(ss_sales_price) AS avg_sales_price "
        "FROM store_sales, customer_demographics, date_dim, item, promotion "
        "WHERE cast(ss_sold_date_sk AS int) = d_date_sk AND ss_item_sk = i_item_sk "
        "AND ss_cdemo_sk = cd_demo_sk AND ss_promo_sk = p_promo_sk AND cd_gender = ? "
        "AND cd_marital_status = ? AND cd_education_status = ? "
        "AND (p_channel_email = 'N' OR p_channel_event = 'N') AND d_year = ? "
        "GROUP BY i_item_id",
        "format = 'PARQUET', compression = 'SNAPPY'",
        "sales",
        {"gender": str, "maritalStatus": str, "education": str, "year": int},
    ),
    # The raw reviews of all days, for other queries.
    "reviews": UseCase(
        "SELECT * FROM reviews", "format = 'PARQUET', compression = 'SNAPPY'", "reviews"
    ),
}
