"""Refuses amounts that no refund can have."""

from __future__ import annotations

from typing import Any


class WrongAmountError(Exception):
    """The amount is not positive."""


def handler(refund: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the refund, checked."""
    if refund["amount"] <= 0:
        raise WrongAmountError(f"An order is refunded by more than 0, not by {refund['amount']}.")
    return {**refund, "checked": True}
