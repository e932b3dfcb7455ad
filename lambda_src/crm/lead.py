"""What a lead is: its rules (``lead.schema.json``) and its one written form."""

from __future__ import annotations

import unicodedata
from typing import Any

from flowbridge.schema import Schema, read_schema

Lead = dict[str, Any]

TEXT_FIELDS = ("name", "lastname", "mail", "store", "origin")
PHONE_ORNAMENTS = str.maketrans("", "", " -.()")


def load_schema() -> Schema:
    """Return the schema of a lead, with the fields of each endpoint in ``x-endpoints``."""
    return read_schema(__file__, "lead.schema.json")


def normalize(lead: Lead) -> Lead:
    """Return a lead in its one written form; values of a wrong type are left for the schema.

    Blanks around texts go and their letters are composed (an é has two forms in Unicode, which
    would count as different data), the RUT loses its dots and gets an upper-case K, a phone that
    is a text loses what people write between its digits, and one that is a number with a fraction
    of zero becomes whole. Fields that are not known are left as they are.
    """
    result = dict(lead)
    for name in TEXT_FIELDS:
        if isinstance(value := result.get(name), str):
            result[name] = unicodedata.normalize("NFC", value).strip()
    if isinstance(rut := result.get("rut"), str):
        result["rut"] = rut.strip().replace(".", "").upper()
    phone = result.get("phone")
    if isinstance(phone, str):
        result["phone"] = phone.translate(PHONE_ORNAMENTS)
    elif isinstance(phone, float) and phone.is_integer():
        result["phone"] = int(phone)
    return result
