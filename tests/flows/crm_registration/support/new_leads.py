"""Leads of persons who were never registered."""

from __future__ import annotations

import itertools
from typing import Any

numbers = itertools.count(40000000)


def new_lead(**changes: Any) -> dict[str, Any]:
    """Return a valid lead of a person who was never registered."""
    return {
        "name": "Camila",
        "lastname": "Saavedra",
        "rut": f"{next(numbers)}-k",
        "phone": 56983747263,
        "mail": "csaavedra@micorreo.com",
        "store": "est_central",
        "wantsBenefit": True,
        "origin": "app",
        **changes,
    }


def written(rut: str) -> str:
    """Return a RUT as the database holds it."""
    return rut.upper()
